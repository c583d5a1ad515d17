// What the plugin tells about the engine, as it comes from Rust. Only types.

/** Whether there is an engine. */
export type SidecarStatus = "Stopped" | "Starting" | "Running" | "Errored";

/** What is being done at the moment; more may come. */
export type SidecarPhase = "spawning" | "importing" | "checking" | "stopping" | "restarting";

/** All there is to know about the engine at one moment. Always a full snapshot. */
export interface SidecarState {
  status: SidecarStatus;
  phase: SidecarPhase | null;
  /** Counts the starts. */
  generation: number;
  /** Counts the snapshots, over all starts: of two, the one with the higher number is newer. */
  revision: number;
  /** When this last changed, in milliseconds of Unix time. */
  sinceMs: number;
  pid: number | null;
  port: number | null;
  version: string | null;
  /** How often it has been started again by itself since somebody last started it. */
  restarts: number;
  /** Why it failed; only while `status` is `Errored`. */
  error: SidecarFailure | null;
}

/** What kind of failure it was. `NOT_ALLOWED` is of the page alone: its window lacks a permission. */
export type SidecarErrorCode =
  | "NOT_ALLOWED"
  | "BINARY_MISSING"
  | "NOT_EXECUTABLE"
  | "WRONG_ARCHITECTURE"
  | "BLOCKED_BY_SYSTEM"
  | "PORT_TAKEN"
  | "DATA_FOLDER_IN_USE"
  | "DATA_FOLDER_UNUSABLE"
  | "DATA_FOLDER_TOO_NEW"
  | "START_TIMED_OUT"
  | "PROTOCOL_MISMATCH"
  | "EXITED_EARLY"
  | "CRASHED"
  | "CONFIG"
  | "STOPPED"
  | "INTERNAL";

/** Why the engine does not run: what a `SidecarError` has, as it comes in a state. */
export interface SidecarFailure {
  code: SidecarErrorCode;
  /** For a person: what is wrong, and what to do. */
  message: string;
  /** For a developer: the path, the exit code or signal, the system's words. */
  detail: string;
  /** The last lines that the engine wrote, without the token. */
  logTail: string[];
  /** Whether it makes sense to try again. */
  retryable: boolean;
}

/** How to reach the engine that runs. Who has the token may do everything that the engine can do. */
export interface QwenConnection {
  baseUrl: string;
  token: string;
  generation: number;
}
