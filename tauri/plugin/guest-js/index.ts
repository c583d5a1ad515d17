// What `tauri-plugin-qwen-tts-api` offers: the engine's life, and with it its client. The React hook is in
// `tauri-plugin-qwen-tts-api/react`.

export * from "q3tts-client";
export {
  getQwenConnection,
  getQwenLogs,
  getQwenStatus,
  onQwenStatus,
  startQwenSidecar,
  stopQwenSidecar,
} from "./commands.js";
export { type ConnectOptions, connect } from "./connect.js";
export { SidecarError } from "./errors.js";
export type {
  QwenConnection,
  SidecarErrorCode,
  SidecarFailure,
  SidecarPhase,
  SidecarState,
  SidecarStatus,
} from "./types.js";
