// One WebSocket to the engine: opened with the token, read until it closes, and why it closed.
// Why a handshake failed it does not know.

import type { Connection } from "./connection.js";
import { SpeechError } from "./errors.js";

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

/** The code of a connection that broke, as a browser says it. */
const BROKEN = 1006;

/**
 * Opens; what it returns closes, and then nothing is heard any more. A handshake that takes longer than the limit has
 * failed.
 */
export function open(
  maker: SocketMaker | undefined,
  connection: Connection,
  path: string,
  limitSeconds: number,
  to: Listener,
): () => void {
  const Maker = maker ?? (globalThis.WebSocket as unknown as SocketMaker | undefined);
  if (Maker === undefined) {
    const message =
      "there is no WebSocket here; Node has one from version 22 on, or pass the client another as `WebSocket`";
    throw new SpeechError("UNSUPPORTED", message);
  }
  const url = `${connection.baseUrl.replace(/^http/, "ws")}${path}`;
  const socket = made(Maker, url, connection);
  let opened = false;
  const silence = () => {
    clearTimeout(late);
    socket.onopen = socket.onmessage = socket.onclose = null;
  };
  const late = setTimeout(() => {
    silence();
    socket.close();
    to.closed(BROKEN, "", false);
  }, limitSeconds * 1000);
  socket.binaryType = "arraybuffer";
  socket.onerror = () => undefined; // a close follows, which says more
  socket.onopen = () => {
    opened = true;
    clearTimeout(late);
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

/** Browsers refuse some addresses by throwing, and quote the token when they do: only the kind of it is passed on. */
function made(Maker: SocketMaker, url: string, { baseUrl, token }: Connection): SocketLike {
  try {
    return new Maker(url, ["q3tts.v1", `bearer.${token}`]);
  } catch (error) {
    const kind = error instanceof Error || error instanceof DOMException ? error.name : "Error";
    throw new SpeechError("UNSUPPORTED", `A WebSocket to ${baseUrl} cannot be made here (${kind}).`);
  }
}
