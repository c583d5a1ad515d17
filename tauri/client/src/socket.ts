// One WebSocket to the engine: opened with the token, read until it closes, and why it closed.
// A refused handshake looks to a page like a broken network; `GET /v1/health` tells which it was.

import type { Connection } from "./connection.js";
import { SpeechError } from "./errors.js";
import type { Http } from "./http.js";

/** What is needed of a WebSocket; a browser's has it, and so has that of Node 22. */
export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  close(code?: number, reason?: string): void;
}

export type SocketMaker = new (url: string, protocols: string[]) => SocketLike;

export interface Listener {
  open(): void;
  message(data: unknown): void;
  /** Once, and nothing after it. `opened` is false when the handshake was refused or never came to be. */
  closed(code: number, reason: string, opened: boolean): void;
}

/** Opens; what it returns closes, and then nothing is heard any more. */
export function open(
  maker: SocketMaker | undefined,
  connection: Connection,
  path: string,
  to: Listener,
): () => void {
  const Maker = maker ?? (globalThis.WebSocket as unknown as SocketMaker | undefined);
  if (Maker === undefined) {
    const message =
      "There is no WebSocket here. Node has one from version 22 on; give the client another as `WebSocket`.";
    throw new SpeechError("UNSUPPORTED", message);
  }
  const url = `${connection.baseUrl.replace(/^http/, "ws")}${path}`;
  const socket = new Maker(url, ["q3tts.v1", `bearer.${connection.token}`]);
  let opened = false;
  const silence = () => {
    socket.onopen = socket.onmessage = socket.onclose = null;
  };
  socket.binaryType = "arraybuffer";
  socket.onerror = () => undefined; // a close follows, which says more
  socket.onopen = () => {
    opened = true;
    to.open();
  };
  socket.onmessage = (event: { data: unknown }) => to.message(event.data);
  socket.onclose = (event: { code: number; reason: string }) => {
    silence();
    to.closed(event.code, event.reason, opened);
  };
  return () => {
    silence();
    socket.close(1000);
  };
}

/**
 * After a refused handshake: true when there is a new connection to try, false when it was the network and the same
 * may be tried again. Rejects when trying again is of no use: the token or the origin is refused.
 */
export async function refused(http: Http, failed: Connection, signal: AbortSignal): Promise<boolean> {
  try {
    // This asks for a new connection by itself.
    await http.json("GET", "/health", { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SpeechError) || error.code !== "NETWORK") throw error;
  }
  return http.link.current !== failed;
}
