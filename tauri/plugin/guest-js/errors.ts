// Why the engine does not run, as an `Error`; and what Tauri says, in the same shape.

import type { SidecarErrorCode, SidecarFailure } from "./types.js";

export class SidecarError extends Error implements SidecarFailure {
  override readonly name = "SidecarError";
  readonly code: SidecarErrorCode;
  readonly detail: string;
  readonly logTail: string[];
  readonly retryable: boolean;

  constructor({ code, message, detail, logTail, retryable }: SidecarFailure) {
    super(message);
    this.code = code;
    this.detail = detail;
    this.logTail = logTail;
    this.retryable = retryable;
  }
}

/**
 * What a command was rejected with: Rust's failures come as objects, what Tauri itself says is only text. `permission`
 * is what the command needs. That it is missing is also said in the console: many an app shows no rejection.
 */
export function sidecarErrorOf(error: unknown, permission: string): SidecarError {
  if (error instanceof SidecarError) return error;
  if (typeof error === "object" && error !== null && "code" in error && "retryable" in error) {
    return new SidecarError(error as SidecarFailure);
  }
  const detail = error instanceof Error ? error.message : String(error);
  const [code, message] = explained(detail, permission);
  if (code === "NOT_ALLOWED") console.error(message, detail);
  return new SidecarError({ code, message, detail, logTail: [], retryable: false });
}

function explained(detail: string, permission: string): [SidecarErrorCode, string] {
  if (!("__TAURI_INTERNALS__" in globalThis)) {
    return ["INTERNAL", "this page does not run in a Tauri app; open the app's own window"];
  }
  if (/plugin .*not found/i.test(detail)) {
    return [
      "INTERNAL",
      "this app does not have the plugin qwen-tts; add .plugin(tauri_plugin_qwen_tts::init()) to its builder",
    ];
  }
  if (/not allowed|denied/i.test(detail)) {
    return [
      "NOT_ALLOWED",
      `this window lacks a permission; add "${permission}" to its capability in src-tauri/capabilities`,
    ];
  }
  return ["INTERNAL", "this window cannot reach the speech engine; install the app again"];
}
