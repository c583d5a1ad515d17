// One request to the engine: the token, the error shape, a second try with a new connection.
// It does not know what the routes mean.

import type { Connection, Link } from "./connection.js";
import { errorOf, SpeechError } from "./errors.js";

export interface Asked {
  signal?: AbortSignal | undefined;
}

export interface Ask extends Asked {
  query?: object | undefined;
  body?: unknown;
  headers?: Record<string, string>;
  /** Not sent again after an answer was lost: it may have been carried out, and would be twice. */
  once?: boolean;
}

export class Http {
  readonly #fetch: typeof fetch;

  constructor(
    readonly link: Link,
    fetcher: typeof fetch | undefined,
  ) {
    // A browser's fetch wants to be called as a method of the window.
    this.#fetch = fetcher ?? ((input, init) => globalThis.fetch(input, init));
  }

  async json<T>(method: string, path: string, ask: Ask = {}): Promise<T> {
    const response = await this.send(method, path, ask);
    try {
      return (await response.json()) as T;
    } catch (error) {
      ask.signal?.throwIfAborted();
      throw new SpeechError(
        "PROTOCOL",
        `The engine's answer to ${method} ${path} is no JSON, or was cut off.`,
        {
          status: response.status,
          cause: error,
        },
      );
    }
  }

  async blob(path: string, ask: Ask = {}): Promise<Blob> {
    const response = await this.send("GET", path, ask);
    try {
      return await response.blob();
    } catch (error) {
      ask.signal?.throwIfAborted();
      throw new SpeechError(
        "NETWORK",
        `The connection to the engine broke within the answer to GET ${path}.`,
        {
          cause: error,
        },
      );
    }
  }

  /** The answer, which is a good one. Rejects with `SpeechError`, or with the reason of an abort. */
  async send(method: string, path: string, ask: Ask = {}): Promise<Response> {
    ask.signal?.throwIfAborted();
    const connection = this.link.current;
    try {
      return await this.#once(connection, method, path, ask);
    } catch (error) {
      ask.signal?.throwIfAborted();
      if (!(error instanceof SpeechError) || !(await this.#another(connection, error))) throw error;
      ask.signal?.throwIfAborted();
      // A request that was refused was not carried out. One that got no answer may have been.
      if (ask.once && error.code !== "UNAUTHORIZED") throw error;
      return await this.#once(this.link.current, method, path, ask);
    }
  }

  async #another(connection: Connection, error: SpeechError): Promise<boolean> {
    if (error.code !== "UNAUTHORIZED" && error.code !== "NETWORK") return false;
    try {
      return await this.link.renewed(connection);
    } catch (cause) {
      throw new SpeechError(error.code, `${error.message} No new connection could be got: ${said(cause)}`, {
        status: error.status ?? undefined,
        cause,
      });
    }
  }

  async #once(connection: Connection, method: string, path: string, ask: Ask): Promise<Response> {
    const headers: Record<string, string> = { ...ask.headers, Authorization: `Bearer ${connection.token}` };
    const init: RequestInit = { method, headers, cache: "no-store", credentials: "omit" };
    if (ask.body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(ask.body);
    }
    if (ask.signal) init.signal = ask.signal;
    let response: Response;
    try {
      response = await this.#fetch(`${connection.baseUrl}${path}${queryOf(ask.query)}`, init);
    } catch (cause) {
      ask.signal?.throwIfAborted();
      throw unreachable(connection, cause);
    }
    if (response.ok) return response;
    const body: unknown = await response.json().catch(() => null);
    ask.signal?.throwIfAborted();
    const error = errorOf((body as { error?: unknown } | null)?.error, response.status);
    throw error ?? strange(method, path, response.status);
  }
}

/** Filters as a query: what is undefined or null is left out, a list repeats its name. */
function queryOf(query: object | undefined): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) parameters.append(name, String(one));
    }
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

/** No answer came. Why is hidden from pages, so both causes are said. */
export function unreachable(connection: Connection, cause?: unknown): SpeechError {
  const origin = globalThis.location?.origin;
  const also = origin ? `, or does not allow pages of the origin ${origin} (--allow-origin)` : "";
  return new SpeechError("NETWORK", `The engine at ${connection.baseUrl} does not answer${also}.`, {
    details: { base_url: connection.baseUrl, ...(origin ? { origin } : {}) },
    cause,
  });
}

function strange(method: string, path: string, status: number): SpeechError {
  const message = `The answer to ${method} ${path} has status ${status} and is not of a q3tts engine.`;
  return new SpeechError("PROTOCOL", message, { status });
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String((error as { message?: unknown })?.message ?? error);
}
