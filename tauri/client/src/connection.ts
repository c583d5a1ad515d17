// Where the engine is and its token, and how a new pair is got when the engine was started anew.
// It does not know HTTP or WebSockets.

import { SpeechError } from "./errors.js";

export interface Connection {
  /** `http://127.0.0.1:<port>/v1` */
  baseUrl: string;
  token: string;
}

export type Renew = () => Promise<Connection>;

export class Link {
  #current: Connection;
  readonly #renew: Renew | null;
  #renewing: Promise<boolean> | null = null;

  constructor(connection: Connection, renew: Renew | undefined) {
    this.#current = checked(connection);
    this.#renew = renew ?? null;
  }

  get current(): Connection {
    return this.#current;
  }

  /**
   * Ask for a new connection, because `failed` was refused. True when there is another one now. Those who fail
   * together ask once. Rejects as `renew` does.
   */
  async renewed(failed: Connection): Promise<boolean> {
    if (this.#current !== failed) return true; // somebody else was faster
    if (this.#renew === null) return false;
    this.#renewing ??= this.#ask(this.#renew).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #ask(renew: Renew): Promise<boolean> {
    const old = this.#current;
    const { baseUrl, token } = checked(await renew());
    if (baseUrl === old.baseUrl && token === old.token) return false;
    this.#current = { baseUrl, token };
    return true;
  }
}

/** What can stand in a header and in the name of a subprotocol. */
const TOKEN = /^[A-Za-z0-9\-._~]+$/;

/** These may come from outside: a configuration, another process. No message quotes the token. */
function checked({ baseUrl, token }: Partial<Connection>): Connection {
  const address = typeof baseUrl === "string" ? baseUrl.trim().replace(/\/+$/, "") : "";
  if (!/^https?:\/\/[^/]+\/v1$/.test(address)) {
    const message = `baseUrl is ${JSON.stringify(baseUrl)}; it has to be like http://127.0.0.1:5123/v1`;
    throw new SpeechError("INVALID_REQUEST", message);
  }
  const secret = typeof token === "string" ? token.trim() : "";
  if (secret === "") throw new SpeechError("INVALID_REQUEST", "token is empty; give the engine's token");
  if (!TOKEN.test(secret)) {
    const message = "token has characters that it cannot have; it may have letters, digits and -._~ only";
    throw new SpeechError("INVALID_REQUEST", message);
  }
  return { baseUrl: address, token: secret };
}
