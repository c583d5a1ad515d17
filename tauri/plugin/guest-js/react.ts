// The engine in React: how it is, and two buttons' worth of doing.

import { useCallback, useEffect, useState } from "react";
import { onQwenStatus, startQwenSidecar, stopQwenSidecar } from "./commands.js";
import type { SidecarState } from "./types.js";

/** What `useQwenSidecar` gives. */
export interface QwenSidecar {
  /** `null` until the first snapshot is here. */
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
    // Without the permission there is nothing to hear, and `state` stays `null`; `start` says why.
    listening.catch(() => {});
    return () => {
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
