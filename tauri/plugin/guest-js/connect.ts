// From the engine to its client: starts the engine if need be, and follows it to its next connection.

import { Client } from "q3tts-client";
import { getQwenConnection, onQwenStatus, startQwenSidecar } from "./commands.js";
import { SidecarError } from "./errors.js";
import type { QwenConnection, SidecarState } from "./types.js";

/** What `connect` takes. */
export interface ConnectOptions {
  /**
   * Gives up the waiting with its reason, not the start: others may wait for it, too. If it was aborted before, nothing
   * is started.
   */
  signal?: AbortSignal;
}

/**
 * A client of the engine, which is started if need be. When the engine is started anew, with another port and another
 * token, the client finds it by itself. It does not start an engine that somebody has stopped: then it rejects with a
 * `SidecarError`. Needs the permissions `qwen-tts:allow-get-qwen-connection` and, to hear of a restart,
 * `core:event:default`.
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  options.signal?.throwIfAborted();
  const { baseUrl, token } = await unlessAborted(start(), options.signal);
  return new Client({ baseUrl, token, renew: next });
}

async function start(): Promise<QwenConnection> {
  return await connectionAt(await startQwenSidecar());
}

/**
 * The connection after this one. A restart that is under way is waited for, and never asked for: an engine that was
 * stopped, or is being stopped, stays so.
 */
async function next(): Promise<QwenConnection> {
  return await connectionAt(await settled());
}

/** The connection of an engine that was seen like this. Rust says why there is none. */
async function connectionAt(seen: SidecarState): Promise<QwenConnection> {
  try {
    return await getQwenConnection();
  } catch (error) {
    const gone = error instanceof SidecarError && error.code === "STOPPED";
    if (seen.status !== "Running" || !gone) throw error;
    // Its process was gone before it was seen to be; what comes of that is not known yet.
    await settled(seen.revision);
    return await getQwenConnection();
  }
}

/** How the engine is as soon as no start is under way; newer than the snapshot with this revision. */
async function settled(after = -1): Promise<SidecarState> {
  let settle = (_: SidecarState) => {};
  const found = new Promise<SidecarState>((resolve) => {
    settle = resolve;
  });
  const end = await onQwenStatus((state) => {
    const underWay = state.status === "Starting" && state.phase !== "stopping";
    if (state.revision > after && !underWay) settle(state);
  });
  try {
    return await found;
  } finally {
    end();
  }
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  let give = () => {};
  const aborted = new Promise<never>((_, reject) => {
    give = () => reject(signal.reason);
    if (signal.aborted) give();
    else signal.addEventListener("abort", give, { once: true });
  });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", give);
  }
}
