/** What the page remembers from one run to the next. Knows nothing of what the values mean. */

import { useCallback, useState } from "react";

const PREFIX = "q3tts.";

function read(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null; // A webview may refuse storage; then nothing is remembered.
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // As above.
  }
}

/** A state that outlives the window. */
export function useRemembered<T extends string>(key: string, first: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => (read(key) as T | null) ?? first);
  const remember = useCallback(
    (next: T) => {
      write(key, next);
      setValue(next);
    },
    [key],
  );
  return [value, remember];
}
