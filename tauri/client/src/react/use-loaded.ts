// Something that is asked of the engine, kept and refreshed. Answers that come too late change nothing.

import { useCallback, useEffect, useRef, useState } from "react";
import type { Client } from "../client.js";
import { useClient } from "./context.js";

export interface Loaded<T> {
  /** What was heard last; null before the first answer. */
  data: T | null;
  /** Why the last try failed; null when it did not. */
  error: Error | null;
  loading: boolean;
  refresh(): void;
}

/** After a failure, until an answer comes; it doubles with each. */
const FAILED_MS = 2000;
const LONGEST_MS = 10_000;

type Load<T> = (client: Client, signal: AbortSignal) => Promise<T>;

/**
 * `key` says what is asked for: another one asks anew and forgets the old answer. `again` says after how many
 * milliseconds to ask again, given the answer; null for never. After a failure it is asked again in any case.
 */
export function useLoaded<T>(key: string, load: Load<T>, again: (data: T) => number | null): Loaded<T> {
  const client = useClient();
  const latest = useRef({ load, again });
  latest.current = { load, again };
  const [turn, setTurn] = useState(0);
  const [answer, setAnswer] = useState<{
    of: unknown;
    data: T | null;
    error: Error | null;
    loading: boolean;
  }>({
    of: null,
    data: null,
    error: null,
    loading: true,
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: `turn` asks again
  useEffect(() => {
    if (client === null) return;
    const stop = new AbortController();
    const of = identity(client, key);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    const ask = async () => {
      setAnswer((old) => ({ ...old, loading: true }));
      let data: T | null = null;
      let error: Error | null = null;
      try {
        data = await latest.current.load(client, stop.signal);
      } catch (caught) {
        error = caught instanceof Error ? caught : new Error(String(caught));
      }
      if (stop.signal.aborted) return;
      setAnswer((old) => ({ of, data: data ?? (old.of === of ? old.data : null), error, loading: false }));
      failures = error === null ? 0 : failures + 1;
      const wait =
        data === null ? Math.min(FAILED_MS * 2 ** (failures - 1), LONGEST_MS) : latest.current.again(data);
      if (wait !== null) timer = setTimeout(ask, wait);
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [client, key, turn]);

  const refresh = useCallback(() => setTurn((old) => old + 1), []);
  if (client === null || (answer.of !== null && answer.of !== identity(client, key))) {
    return { data: null, error: null, loading: client !== null, refresh };
  }
  return { data: answer.data, error: answer.error, loading: answer.loading, refresh };
}

const clients = new WeakMap<Client, number>();
let count = 0;

function identity(client: Client, key: string): string {
  let number = clients.get(client);
  if (number === undefined) {
    count += 1;
    number = count;
    clients.set(client, number);
  }
  return `${number} ${key}`;
}
