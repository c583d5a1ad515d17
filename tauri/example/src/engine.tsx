/**
 * Who speaks, and how the engine is. The engine is started when Qwen is chosen, or something needs it; it is stopped
 * when another provider is chosen. The page's own start never starts it. Knows nothing of what is spoken.
 */

import workletUrl from "q3tts-client/player.worklet.js?url";
import { ClientProvider } from "q3tts-client/react";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import {
  Client,
  connect,
  getQwenConnection,
  SidecarError,
  type SidecarState,
} from "tauri-plugin-qwen-tts-api";
import { useQwenSidecar } from "tauri-plugin-qwen-tts-api/react";
import { useRemembered } from "./remembered";
import { sentence } from "./speaking";

export type Provider = "system" | "qwen";

export interface Engine {
  provider: Provider;
  choose(provider: Provider): void;
  /** Null until the app has said how the engine is. */
  state: SidecarState | null;
  /** Null unless the engine is online. */
  client: Client | null;
  /** Why there is no client though the engine is online; null if there is one, or none is expected. */
  failure: string | null;
  start(): void;
  /** The engine's client; starts the engine if need be. */
  need(): Promise<Client>;
}

const EngineContext = createContext<Engine | null>(null);

export function EngineProvider({ children }: { children: ReactNode }) {
  const { state, start, stop } = useQwenSidecar();
  const [provider, remember] = useRemembered<Provider>("provider", "system");
  const [client, setClient] = useState<Client | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const running = state?.status === "Running";
  const generation = state?.generation;

  // A client of its own for each run of the engine: what still waits for an older run ends with it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the generation is what makes a run another one
  useEffect(() => {
    setFailure(null);
    if (!running) {
      setClient(null);
      return;
    }
    let over = false;
    // Not `connect`: that would start the engine again if somebody stopped it in this moment.
    getQwenConnection().then(
      (connection) => {
        if (!over) setClient(new Client(connection));
      },
      (why: unknown) => {
        // If it went offline in the meantime, the state says so.
        const gone = why instanceof SidecarError && why.code === "STOPPED";
        if (!over && !gone) setFailure(sentence(why));
      },
    );
    return () => {
      over = true;
    };
  }, [running, generation]);

  const begin = useCallback(() => {
    start().catch(() => {}); // What went wrong is in the state, which every page shows.
  }, [start]);

  const choose = useCallback(
    (next: Provider) => {
      remember(next);
      if (next === "qwen") begin();
      else stop().catch(() => {});
    },
    [remember, begin, stop],
  );

  const need = useCallback(async () => client ?? connect(), [client]);

  const engine = useMemo(
    () => ({ provider, choose, state, client, failure, start: begin, need }),
    [provider, choose, state, client, failure, begin, need],
  );
  return (
    <EngineContext value={engine}>
      <ClientProvider client={client} playerOptions={{ workletUrl }}>
        {children}
      </ClientProvider>
    </EngineContext>
  );
}

export function useEngine(): Engine {
  const engine = useContext(EngineContext);
  if (engine === null) throw new Error("useEngine is for what stands inside an EngineProvider.");
  return engine;
}
