// The engine in React: how it is, and two buttons' worth of doing.

import { useCallback, useEffect, useState } from "react";
import { onQwenStatus, startQwenSidecar, stopQwenSidecar } from "./commands.js";
import { SidecarError } from "./errors.js";
import type { SidecarState } from "./types.js";

/** What `useQwenSidecar` gives. */
export interface QwenSidecar {
  /** `null` until the first snapshot is here. `Errored` also where the window may not ask; then the error says why. */
  state: SidecarState | null;
  /** Rejects with a `SidecarError`, which is in `state` as well. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** How the engine is, and how to start and stop it. A component that goes away leaves the engine as it is. */
export function useQwenSidecar(): QwenSidecar {
  const [state, setState] = useState<SidecarState | null>(null);

  useEffect(() => {
    const listening = onQwenStatus(setState);
    let over = false;
    listening.catch((error: unknown) => {
      if (!over && error instanceof SidecarError) setState(unheard(error));
    });
    return () => {
      over = true;
      listening.then((end) => end()).catch(() => {});
    };
  }, []);

  const start = useCallback(async () => {
    await startQwenSidecar();
  }, []);
  const stop = useCallback(async () => {
    await stopQwenSidecar();
  }, []);
  return { state, start, stop };
}

/** The state for a window that may not ask how the engine is. */
function unheard(error: SidecarError): SidecarState {
  return {
    status: "Errored",
    phase: null,
    generation: 0,
    revision: 0,
    sinceMs: Date.now(),
    pid: null,
    port: null,
    version: null,
    restarts: 0,
    error,
  };
}
