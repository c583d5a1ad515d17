/**
 * One button whose meaning changes as it is used: Speak, Pause, Resume. It stays the same element, and is never disabled
 * as the platform has it, so the focus stays on it.
 */

import type { Ref } from "react";

export interface Act {
  label: string;
  act(): void;
  /** Whether pressing it does nothing now. */
  off?: boolean;
}

interface Given extends Act {
  className?: string;
  title?: string | undefined;
  /** What it is done to, for screen readers. */
  name?: string;
  ref?: Ref<HTMLButtonElement>;
}

export function MainButton({ label, act, off = false, className, title, name, ref }: Given) {
  return (
    <button
      ref={ref}
      type="button"
      className={className}
      title={title}
      aria-label={name === undefined ? undefined : `${label}: ${name}`}
      aria-disabled={off}
      onClick={() => {
        if (!off) act();
      }}
    >
      {label}
    </button>
  );
}
