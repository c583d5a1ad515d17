/** Says what went wrong. */

import type { ReactNode } from "react";

export function Failure({ children, onClose }: { children: ReactNode; onClose?: () => void }) {
  return (
    <div className="failure" role="alert">
      <div>{children}</div>
      {onClose && (
        <button type="button" className="small plain" onClick={onClose}>
          Dismiss
        </button>
      )}
    </div>
  );
}
