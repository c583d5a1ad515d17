// The client and the player that the hooks below it share.

import {
  createContext,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useState,
} from "react";
import type { Client } from "../client.js";
import { Player, type PlayerOptions } from "../player.js";

interface Shared {
  client: Client | null;
  player: Player;
}

const Context = createContext<Shared | null>(null);

export interface ClientProviderProps {
  /** Null while there is no engine yet: lists are empty then, and speaking fails. */
  client: Client | null;
  /** One of your own, which is not closed here; without it the provider makes one. */
  player?: Player | undefined;
  playerOptions?: PlayerOptions | undefined;
  children?: ReactNode;
}

export function ClientProvider({
  client,
  player,
  playerOptions,
  children,
}: ClientProviderProps): ReactElement {
  // It opens no device before something is played. Options are read once.
  const [own] = useState(() => new Player(playerOptions));
  const used = player ?? own;
  // A closed player can be used again, so StrictMode's rehearsal does no harm.
  useEffect(() => () => void own.close(), [own]);
  const shared = useMemo(() => ({ client, player: used }), [client, used]);
  return <Context.Provider value={shared}>{children}</Context.Provider>;
}

/** The client of the provider; null while there is none. */
export function useClient(): Client | null {
  return useShared().client;
}

export function usePlayer(): Player {
  return useShared().player;
}

function useShared(): Shared {
  const shared = useContext(Context);
  if (shared === null)
    throw new Error("hooks of q3tts-client need a <ClientProvider client={...}> above them");
  return shared;
}
