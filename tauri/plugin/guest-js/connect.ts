// From the engine to its client: starts the engine if need be, and follows it to its next connection.

import { Client } from "q3tts-client";
import { getQwenConnection, getQwenStatus, startQwenSidecar } from "./commands.js";
import type { QwenConnection } from "./types.js";

/** What `connect` takes. */
export interface ConnectOptions {
  /** Gives up the waiting, not the start: others may wait for it, too. */
  signal?: AbortSignal;
}

/**
 * A client of the engine, which is started if need be. When the engine is started anew, with another port and another
 * token, the client finds it by itself. It does not start an engine that somebody has stopped: then it rejects with a
 * `SidecarError`. Needs the permission `qwen-tts:allow-get-qwen-connection`.
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const { baseUrl, token } = await unlessAborted(start(), options.signal);
  return new Client({ baseUrl, token, renew: next });
}

async function start(): Promise<QwenConnection> {
  await startQwenSidecar();
  return await getQwenConnection();
}

/** The connection after this one. A restart that is under way is waited for; an engine that was stopped stays so. */
async function next(): Promise<QwenConnection> {
  const { status } = await getQwenStatus();
  // This joins the start; there is no other way to wait for it that says why it failed.
  if (status === "Starting") await startQwenSidecar();
  return await getQwenConnection();
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
