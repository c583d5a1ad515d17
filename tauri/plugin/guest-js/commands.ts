// The plugin's commands and its event. They keep nothing: each call goes to Rust.

import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import { sidecarErrorOf } from "./errors.js";
import type { QwenConnection, SidecarState } from "./types.js";

const STATUS_EVENT = "qwen-tts://status";

/** Start the engine: resolves when it runs, rejects with a `SidecarError`. Joins a start that is under way. */
export function startQwenSidecar(): Promise<SidecarState> {
  return ask("start_qwen_sidecar");
}

/** Stop the engine: resolves when its process is gone. */
export function stopQwenSidecar(): Promise<SidecarState> {
  return ask("stop_qwen_sidecar");
}

/** How the engine is. */
export function getQwenStatus(): Promise<SidecarState> {
  return ask("get_qwen_status");
}

/** How to reach the engine; rejects with a `SidecarError` when it does not run. */
export function getQwenConnection(): Promise<QwenConnection> {
  return ask("get_qwen_connection");
}

/** The last lines that the engine wrote, without the token. */
export function getQwenLogs(): Promise<string[]> {
  return ask("get_qwen_logs");
}

/**
 * Hear how the engine is: at once, and whenever it changes. Gives a function that ends it.
 *
 * It listens first and asks then, so nothing is lost between; what is not newer than what was heard is left out, because
 * an answer may come after events that are newer.
 */
export async function onQwenStatus(callback: (state: SidecarState) => void): Promise<() => void> {
  let over = false;
  let last = -1;
  const hear = (state: SidecarState) => {
    if (over || state.revision <= last) return;
    last = state.revision;
    callback(state);
  };
  const unlisten = await listen<SidecarState>(STATUS_EVENT, (event) => hear(event.payload)).catch(
    (error: unknown) => {
      throw sidecarErrorOf(error, "core:event:default");
    },
  );
  const end = () => {
    if (over) return;
    over = true;
    unlisten();
  };
  try {
    hear(await getQwenStatus());
  } catch (error) {
    end();
    throw error;
  }
  return end;
}

async function ask<T>(command: string): Promise<T> {
  try {
    return await invoke<T>(`plugin:qwen-tts|${command}`);
  } catch (error) {
    throw sidecarErrorOf(error, `qwen-tts:allow-${command.replaceAll("_", "-")}`);
  }
}
