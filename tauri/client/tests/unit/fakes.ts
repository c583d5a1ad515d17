// An engine's two doors without an engine: a fetch and a WebSocket whose every answer the test gives by hand.

import type { SocketLike, SocketMaker } from "../../src/index";

export const BASE = "http://127.0.0.1:4000/v1";
export const TOKEN = "a".repeat(64);

export interface Request {
  method: string;
  url: URL;
  headers: Headers;
  body: unknown;
}

type Answer = (request: Request) => Response | Promise<Response>;

/** Keeps what was asked; answers as told. */
export function fakeFetch(answer: Answer): { fetch: typeof fetch; asked: Request[] } {
  const asked: Request[] = [];
  const fetcher = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    const request = {
      method: init.method ?? "GET",
      url: new URL(String(input)),
      headers: new Headers(init.headers),
      body,
    };
    asked.push(request);
    const answered = Promise.resolve(answer(request));
    const { signal } = init;
    if (!signal) return answered;
    return await new Promise((resolve, reject) => {
      const aborted = () => reject(signal.reason);
      if (signal.aborted) aborted();
      signal.addEventListener("abort", aborted);
      const over = () => signal.removeEventListener("abort", aborted);
      answered.then(resolve, reject).finally(over);
    });
  };
  return { fetch: fetcher as typeof fetch, asked };
}

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

export function problem(status: number, code: string, details: Record<string, unknown> = {}): Response {
  return json({ error: { code, message: `said by the engine: ${code}`, details } }, status);
}

export class FakeSocket implements SocketLike {
  binaryType = "blob";
  readyState = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  closedByClient = false;

  constructor(
    readonly url: URL,
    readonly protocols: string[],
  ) {}

  close(): void {
    this.closedByClient = true;
  }

  opens(): this {
    this.onopen?.({} as never);
    return this;
  }

  says(data: object | ArrayBuffer): this {
    this.onmessage?.({ data: data instanceof ArrayBuffer ? data : JSON.stringify(data) } as never);
    return this;
  }

  closes(code: number, reason = ""): void {
    this.onclose?.({ code, reason } as never);
  }
}

/** The sockets that were made, to be awaited in their order. */
export class Sockets {
  readonly made: FakeSocket[] = [];
  #wake: () => void = () => undefined;
  readonly maker: SocketMaker;

  constructor() {
    const sockets = this;
    this.maker = function make(url: string, protocols: string[]) {
      const socket = new FakeSocket(new URL(url), protocols);
      sockets.made.push(socket);
      sockets.#wake();
      return socket;
    } as unknown as SocketMaker;
  }

  async at(index: number): Promise<FakeSocket> {
    for (;;) {
      const socket = this.made[index];
      if (socket) return socket;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** A binary message of the stream. */
export function audio(
  seq: number,
  samples: number[] | number = 10,
  chunk: [number, number, number] = [0, 0, 5],
): ArrayBuffer {
  const values = typeof samples === "number" ? Array.from({ length: samples }, () => seq) : samples;
  const buffer = new ArrayBuffer(24 + 2 * values.length);
  const view = new DataView(buffer);
  view.setUint32(0, 0x51334131, false);
  [seq, ...chunk, 24_000].forEach((value, at) => {
    view.setUint32(4 + 4 * at, value, true);
  });
  values.forEach((value, at) => {
    view.setInt16(24 + 2 * at, value, true);
  });
  return buffer;
}

export function deferred<T>(): {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
