// How long to wait before the next try, and when to give up. Success begins anew.

export interface Patience {
  /** How long to go on trying while nothing works, tries and waits together. 0 fails at once. */
  seconds: number;
  /** The wait before the second try; it doubles with each. The first comes at once. */
  firstWaitSeconds: number;
  longestWaitSeconds: number;
  /** How long one try may take: an engine that hangs accepts connections and says nothing. */
  answerSeconds: number;
}

/** What is left out, or undefined, is as usual. */
export type Impatience = { [Name in keyof Patience]?: Patience[Name] | undefined };

const USUAL: Patience = { seconds: 10, firstWaitSeconds: 0.1, longestWaitSeconds: 3, answerSeconds: 10 };

const A_WHILE_MS = 5000;

export class Retries {
  readonly patience: Patience;
  #tries = 0;
  #spent = 0;
  #begun = 0;
  #renewals = 0;

  constructor(wanted: Impatience = {}) {
    const said = Object.entries(wanted).filter(([, value]) => value !== undefined);
    this.patience = { ...USUAL, ...Object.fromEntries(said) };
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
    this.#spent = 0;
    this.#renewals = 0;
    this.#begun = Date.now();
  }

  /** There is another connection: true when it may be tried at once. A second one in a row may be as dead. */
  renewed(): boolean {
    this.#renewals += 1;
    return this.#renewals === 1;
  }

  /** Wait as long as it is time to; false when it is time to give up. Rejects with the reason of the signal. */
  async next(signal: AbortSignal): Promise<boolean> {
    const { seconds, firstWaitSeconds, longestWaitSeconds, answerSeconds } = this.patience;
    // A machine that slept in between was not trying: a try is never counted as longer than it may be.
    const took = (Date.now() - this.#begun) / 1000;
    this.#spent += Math.min(Math.max(took, 0), 2 * answerSeconds);
    if (this.#spent >= seconds) return false;
    const wait =
      this.#tries === 0 ? 0 : Math.min(firstWaitSeconds * 2 ** (this.#tries - 1), longestWaitSeconds);
    this.#tries += 1;
    this.#spent += Math.max(wait, 0.001);
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
