// Why a handshake failed. To a page a refused one looks like a broken network; what the engine answers over HTTP tells
// which it was. It does not know what is followed.

import type { Connection } from "./connection.js";
import { SpeechError } from "./errors.js";
import { type Http, NotRenewed } from "./http.js";

export interface Refusal {
  /** There is a new connection to try. */
  renewed: boolean;
  /** The engine answers over HTTP, and has nothing against what was asked. */
  healthy: boolean;
  /** For who gives up now. */
  why: SpeechError;
}

/**
 * Ask `/health`, and when that is good, `about`. Resolves when the same may be tried again. Rejects when that is of no
 * use: the token or the origin is refused, `about` is, or whoever renews connections says that there will be none.
 */
export async function refusal(
  http: Http,
  failed: Connection,
  signal: AbortSignal,
  { about, limitSeconds }: { about?: string | undefined; limitSeconds: number },
): Promise<Refusal> {
  try {
    // This asks for a new connection by itself.
    await http.json("GET", "/health", { signal, limitSeconds });
    if (http.link.current === failed && about !== undefined) {
      await http.json("GET", about, { signal, limitSeconds });
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SpeechError) || error.code !== "NETWORK") throw error;
    if (error instanceof NotRenewed && error.final) throw error;
    return { renewed: http.link.current !== failed, healthy: false, why: error };
  }
  const message = "the engine answers requests, but no WebSocket to it can be opened";
  return {
    renewed: http.link.current !== failed,
    healthy: true,
    why: new SpeechError("NETWORK", message),
  };
}
