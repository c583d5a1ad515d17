// How long to wait before the next try, and when to give up. Success begins anew.

export interface Patience {
  /** How long to go on trying while nothing works. 0 fails at once. */
  seconds: number;
  /** The wait before the second try; it doubles with each. The first comes at once. */
  firstWaitSeconds: number;
  longestWaitSeconds: number;
}

export const PATIENCE: Patience = { seconds: 10, firstWaitSeconds: 0.1, longestWaitSeconds: 3 };

const A_WHILE_MS = 5000;

export class Retries {
  readonly #patience: Patience;
  #tries = 0;
  #waited = 0;
  #begun = 0;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** A try begins. */
  begins(): void {
    this.#begun = Date.now();
  }

  /** It was connected, until now: a success if that was for a while, and not if it was thrown out at once. */
  lasted(): void {
    if (Date.now() - this.#begun >= A_WHILE_MS) this.succeeded();
  }

  succeeded(): void {
    this.#tries = 0;
    this.#waited = 0;
  }

  /** Wait as long as it is time to; false when it is time to give up. Rejects with the reason of the signal. */
  async next(signal: AbortSignal): Promise<boolean> {
    const { seconds, firstWaitSeconds, longestWaitSeconds } = this.#patience;
    if (this.#waited >= seconds) return false;
    const wait =
      this.#tries === 0 ? 0 : Math.min(firstWaitSeconds * 2 ** (this.#tries - 1), longestWaitSeconds);
    this.#tries += 1;
    this.#waited += Math.max(wait, 0.001);
    await pause(wait, signal);
    return true;
  }
}

function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const aborted = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", aborted);
      resolve();
    }, seconds * 1000);
    signal.addEventListener("abort", aborted, { once: true });
  });
}
