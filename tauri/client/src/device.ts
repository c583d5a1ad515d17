// The AudioContext: made when it is needed, woken, brought back when the system takes it away, put to rest. It does
// not know what is played, only whether anything is.

import { SpeechError } from "./errors.js";

export interface DeviceUser {
  /** Whether something is being played, or would be if it could. */
  needed(): boolean;
  /** The context runs, or does not any more. */
  changed(): void;
}

const STREAM_RATE = 24_000;
/** A context that runs keeps the device awake, and some machines with it. */
const IDLE_MS = 3000;
const GESTURES = ["pointerdown", "pointerup", "keydown", "touchend"] as const;

export class Device {
  readonly #given: AudioContext | null;
  readonly #user: DeviceUser;
  #context: AudioContext | null;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #waitsForGesture = false;

  /** A context that is given is neither suspended nor closed here. */
  constructor(given: AudioContext | undefined, user: DeviceUser) {
    this.#given = given ?? null;
    this.#user = user;
    this.#context = this.#given;
    this.#context?.addEventListener("statechange", this.#changed);
  }

  /** A context that runs, or will with the next gesture. Throws where there is none. */
  awake(): AudioContext {
    clearTimeout(this.#idle);
    if (this.#context === null || this.#context.state === "closed") {
      this.#context?.removeEventListener("statechange", this.#changed);
      this.#context = newContext();
      this.#context.addEventListener("statechange", this.#changed);
    }
    this.wake();
    return this.#context;
  }

  /** Also for a context that the system suspended or interrupted. */
  wake(): void {
    const context = this.#context;
    if (context === null || context.state === "running" || context.state === "closed") return;
    this.#listen(true);
    context.resume().catch(() => undefined); // the next gesture tries again
  }

  /** Nothing is played: sleep in a while, if that is still so then. */
  rest(): void {
    clearTimeout(this.#idle);
    this.#listen(false);
    const context = this.#context;
    if (context === null || context === this.#given) return;
    this.#idle = setTimeout(() => {
      if (context.state === "running" && !this.#user.needed()) context.suspend().catch(() => undefined);
    }, IDLE_MS);
  }

  /** From now on the context is another one; what is returned closes this one. */
  release(): () => Promise<void> {
    clearTimeout(this.#idle);
    this.#listen(false);
    const context = this.#context;
    if (context === null || context === this.#given) return async () => undefined;
    this.#context = null;
    context.removeEventListener("statechange", this.#changed);
    return async () => {
      if (context.state !== "closed") await context.close();
    };
  }

  readonly #changed = (): void => {
    if (this.#context?.state === "running") {
      this.#listen(false);
      if (!this.#user.needed()) this.rest(); // it came too late
    } else if (this.#user.needed()) {
      this.wake();
    }
    this.#user.changed();
  };

  readonly #gesture = (): void => {
    this.#context?.resume().catch(() => undefined);
  };

  #listen(wanted: boolean): void {
    if (wanted === this.#waitsForGesture || typeof document === "undefined") return;
    this.#waitsForGesture = wanted;
    for (const name of GESTURES) {
      if (wanted) document.addEventListener(name, this.#gesture, { capture: true, passive: true });
      else document.removeEventListener(name, this.#gesture, { capture: true });
    }
  }
}

/** At the stream's own rate, so that the browser resamples once, with its own quality; if it can. */
function newContext(): AudioContext {
  if (typeof globalThis.AudioContext !== "function") {
    throw new SpeechError("UNSUPPORTED", "there is no AudioContext here; sound can be played only in a page");
  }
  try {
    return new AudioContext({ sampleRate: STREAM_RATE });
  } catch {
    return new AudioContext();
  }
}
