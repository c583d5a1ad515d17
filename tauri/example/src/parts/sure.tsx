/** A button for what cannot be undone: the first press asks, the second one does it. */

import { useState } from "react";

export function Sure({
  label,
  ask,
  onSure,
  name,
}: {
  label: string;
  ask: string;
  onSure(): void;
  name: string;
}) {
  const [asking, setAsking] = useState(false);
  return (
    <button
      type="button"
      className={asking ? "small danger asking" : "small"}
      aria-label={`${asking ? ask : label}: ${name}`}
      onClick={() => {
        if (asking) onSure();
        setAsking(!asking);
      }}
      onBlur={() => setAsking(false)}
      onKeyDown={(event) => {
        if (event.key === "Escape" && asking) {
          event.preventDefault();
          setAsking(false);
        }
      }}
    >
      {asking ? ask : label}
    </button>
  );
}
