/** What a page shows instead of itself while the engine is not online: why, and the button that changes it. */

import type { ReactNode } from "react";
import type { Client } from "tauri-plugin-qwen-tts-api";
import { useEngine } from "../engine";
import { Failure } from "./failure";

export function NeedsEngine({ what, children }: { what: string; children: (client: Client) => ReactNode }) {
  const { provider, choose, client, state, start, failure } = useEngine();
  if (client !== null && provider === "qwen") return children(client);
  if (provider === "system") {
    return (
      <div className="empty">
        <p>{what} are Qwen's. The system's voice has none.</p>
        <button type="button" className="primary" onClick={() => choose("qwen")}>
          Use Qwen
        </button>
      </div>
    );
  }
  if (failure !== null) return <Failure>{failure}</Failure>;
  const busy = state?.status === "Starting" || state?.status === "Running";
  const error = state?.status === "Errored" ? state.error : null;
  return (
    <div className="empty">
      {error ? (
        <>
          <Failure>{error.message}</Failure>
          <p className="soft">Its details and the engine's last lines are under Settings.</p>
        </>
      ) : (
        <p>
          {busy ? "The engine is starting…" : `The engine is offline. ${what} are shown when it is online.`}
        </p>
      )}
      {busy && <progress aria-label="The engine is starting" />}
      {!busy && (error === null || error.retryable) && (
        <button type="button" className="primary" onClick={start} disabled={state?.phase === "stopping"}>
          {error ? "Try again" : "Start the engine"}
        </button>
      )}
    </div>
  );
}
