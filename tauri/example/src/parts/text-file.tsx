/** A button that opens a text file. */

import { useRef } from "react";

/** The engine takes no more characters in one job. */
export const LONGEST_TEXT = 5_000_000;

interface Opening {
  onText(text: string, name: string): void;
  onFailure(message: string): void;
  disabled?: boolean;
}

export function TextFile({ onText, onFailure, disabled = false }: Opening) {
  const input = useRef<HTMLInputElement>(null);
  const open = async (file: File | undefined) => {
    if (file === undefined) return;
    try {
      // A byte order mark is no letter, and a file that is not text should not be read out.
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      if (text.length > LONGEST_TEXT) onFailure(`${file.name} has more than 5,000,000 characters. Split it.`);
      else if (text.trim() === "") onFailure(`${file.name} is empty.`);
      else onText(text.replace(/\r\n?/g, "\n"), file.name.replace(/\.[^.]*$/, ""));
    } catch {
      onFailure(`${file.name} is not a text file in UTF-8.`);
    }
  };
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => input.current?.click()}>
        Open a file…
      </button>
      <input
        ref={input}
        className="unseen text-file"
        type="file"
        accept=".txt,.md,.markdown,text/plain,text/markdown"
        aria-label="Text file"
        tabIndex={-1}
        onChange={(event) => {
          const chosen = event.target;
          open(chosen.files?.[0]).finally(() => {
            chosen.value = ""; // So that the same file can be opened again.
          });
        }}
      />
    </>
  );
}
