// One request to the engine: the token, the error shape, a second try with a new connection.
// It does not know what the routes mean.

import type { Connection, Link } from "./connection.js";
import { errorOf, SpeechError } from "./errors.js";
import { Limit } from "./signals.js";

export interface Asked {
  signal?: AbortSignal | undefined;
}

export interface Ask extends Asked {
  query?: object | undefined;
  body?: unknown;
  headers?: Record<string, string>;
  /** Not sent again after an answer was lost: it may have been carried out, and would be twice. */
  once?: boolean;
  /** How long to wait for the whole of an answer; without it as long as it takes. Renewing does not count. */
  limitSeconds?: number;
  /** What a status means where the answer has no body to say it. */
  codes?: Record<number, string>;
}

/** A request failed, and so did the renewal of its connection, which is the `cause`. */
export class NotRenewed extends SpeechError {
  /** Whoever renews knows why, and said it with a code: trying again is of no use. */
  readonly final: boolean;

  constructor(failed: SpeechError, cause: unknown) {
    const message = `${failed.message} No new connection could be got: ${said(cause)}`;
    super(failed.code, message, { status: failed.status ?? undefined, cause });
    this.final = typeof (cause as { code?: unknown } | null | undefined)?.code === "string";
  }
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
        { status: response.status, cause: error },
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
        { cause: error },
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
      throw new NotRenewed(error, cause);
    }
  }

  async #once(connection: Connection, method: string, path: string, ask: Ask): Promise<Response> {
    const headers: Record<string, string> = { ...ask.headers, Authorization: `Bearer ${connection.token}` };
    const limit = new Limit(ask.signal, ask.limitSeconds);
    const { signal } = limit;
    const init: RequestInit = { method, headers, cache: "no-store", credentials: "omit" };
    if (ask.body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(ask.body, wellFormed);
    }
    if (signal) init.signal = signal;
    try {
      const response = await this.#fetch(`${connection.baseUrl}${path}${queryOf(ask.query)}`, init);
      if (!response.ok) throw await refusalOf(response, method, path, ask.codes);
      if (ask.limitSeconds === undefined) return response;
      return new Response(await response.blob(), { status: response.status, headers: response.headers });
    } catch (error) {
      ask.signal?.throwIfAborted();
      if (error instanceof SpeechError && !signal?.aborted) throw error;
      throw unreachable(connection, signal?.aborted ? signal.reason : error);
    } finally {
      limit.over();
    }
  }
}

/** The engine takes no half characters. One in their place keeps all offsets as they are. */
function wellFormed(_name: string, value: unknown): unknown {
  if (typeof value !== "string" || !/[\uD800-\uDFFF]/.test(value)) return value;
  return value.replace(/\p{Surrogate}/gu, "\uFFFD");
}

async function refusalOf(
  response: Response,
  method: string,
  path: string,
  codes: Record<number, string> = {},
): Promise<SpeechError> {
  const { status } = response;
  const body: unknown = await response.json().catch(() => null);
  const error = errorOf((body as { error?: unknown } | null)?.error, status);
  if (error !== null) return error;
  const code = method === "HEAD" ? codes[status] : undefined;
  if (code === undefined) return strange(method, path, status);
  return new SpeechError(code, `The engine refuses ${method} ${path}: ${code}.`, { status });
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

/** No answer came. An engine that does not allow the page's origin says so. */
export function unreachable(connection: Connection, cause?: unknown): SpeechError {
  return new SpeechError("NETWORK", `The engine at ${connection.baseUrl} does not answer.`, {
    details: { base_url: connection.baseUrl },
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
