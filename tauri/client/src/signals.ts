// Abort signals: one that also comes when too much time has passed, and one that is heeded for a while.

/** An outer signal with a limit of time. `AbortSignal.any` is not in every browser yet. */
export class Limit {
  readonly signal: AbortSignal | undefined;
  readonly over: () => void;

  /** Without a limit it is the outer signal itself. Call `over` when it does not matter any more. */
  constructor(outer: AbortSignal | undefined, seconds: number | undefined) {
    this.signal = outer;
    this.over = () => undefined;
    if (seconds === undefined) return;
    const inner = new AbortController();
    const aborted = () => inner.abort(outer?.reason);
    const late = () => inner.abort(new Error(`there was no answer within ${seconds} s`));
    const timer = setTimeout(late, seconds * 1000);
    outer?.addEventListener("abort", aborted, { once: true });
    if (outer?.aborted) aborted();
    this.signal = inner.signal;
    this.over = () => {
      clearTimeout(timer);
      outer?.removeEventListener("abort", aborted);
    };
  }
}

/** Call back when the signal comes, also if it has come already, but not after `until`. */
export function heed(signal: AbortSignal | undefined, until: Promise<unknown>, callback: () => void): void {
  if (signal === undefined) return;
  if (signal.aborted) {
    callback();
    return;
  }
  signal.addEventListener("abort", callback, { once: true });
  const over = () => signal.removeEventListener("abort", callback);
  until.then(over, over);
}
