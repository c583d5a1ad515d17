/** Whose turn it is to be heard: who begins ends what was heard before. Knows nothing of how sound is made. */

let silence: (() => void) | null = null;

/** Ends what is heard now. What begins is ended with `stop`, which may be called when it has ended by itself. */
export function takeTurn(stop: () => void): void {
  hush();
  silence = stop;
}

/** Ends what is heard now, whatever it is. */
export function hush(): void {
  const before = silence;
  silence = null;
  before?.();
}
