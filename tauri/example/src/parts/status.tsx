/** How the engine is, in a word or two, as it changes. */

import type { SidecarState } from "tauri-plugin-qwen-tts-api";
import { useEngine } from "../engine";

const PHASES: Record<string, string> = {
  spawning: "the program is starting",
  importing: "it is loading its parts",
  checking: "it is being asked whether it is well",
  stopping: "it is coming to an end",
};

/** "Offline", "Starting…", "Stopping…", "Online" or "Error". */
export function statusWord(state: SidecarState | null): string {
  if (state === null) return "Unknown";
  if (state.phase === "stopping") return "Stopping…";
  switch (state.status) {
    case "Stopped":
      return "Offline";
    case "Starting":
      return "Starting…";
    case "Running":
      return "Online";
    case "Errored":
      return "Error";
  }
}

/** What it does while it starts or stops, for those who wonder; empty else. */
export function phaseWords(state: SidecarState | null): string {
  return state?.phase ? (PHASES[state.phase] ?? "") : "";
}

export function Status() {
  const { state } = useEngine();
  return (
    <p
      className="status"
      role="status"
      aria-live="polite"
      data-status={state?.status ?? "Unknown"}
      data-phase={state?.phase ?? ""}
    >
      <span className="dot" aria-hidden="true" />
      <span>
        <span className="unseen">Engine: </span>
        {statusWord(state)}
      </span>
    </p>
  );
}
