// What speeches are played with: one AudioContext, and one playback at a time.

import { SpeechError } from "./errors.js";
import type { OutputOptions } from "./output.js";
import { Playback } from "./playback.js";
import type { OpenSound, PlayOptions, Sound, Source } from "./playing.js";
import { ScheduledOutput } from "./scheduled-output.js";
import { loadWorklet, WorkletOutput } from "./worklet-output.js";

export interface PlayerOptions {
  /** Where `q3tts-client/player.worklet.js` is, if it is not beside this module. */
  workletUrl?: string | URL;
  /** One of your own, of any rate. It is neither suspended nor closed here. */
  audioContext?: AudioContext;
  /** How much has to be there before the sound begins, or goes on after it ran dry. */
  prebufferSeconds?: number;
}

const STREAM_RATE = 24_000;
/** A context that runs keeps the device awake, and some machines with it. */
const IDLE_MS = 3000;
const GESTURES = ["pointerdown", "pointerup", "keydown", "touchend"] as const;

export class Player {
  readonly #options: PlayerOptions;
  #context: AudioContext | null;
  #current: Playback | null = null;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #waitsForGesture = false;

  constructor(options: PlayerOptions = {}) {
    this.#options = options;
    this.#context = options.audioContext ?? null;
    this.#context?.addEventListener("statechange", this.#changed);
  }

  /** What is being played now, or was last. */
  get current(): Playback | null {
    return this.#current;
  }

  /**
   * Play a speech; what was being played stops. Call it in the handler of a click or a key, if you can, and give it
   * the promise of `Client.speak` without awaiting that: some browsers allow sound only then.
   */
  play(source: Source | PromiseLike<Source>, options: PlayOptions = {}): Playback {
    void this.#current?.stop();
    clearTimeout(this.#idle);
    let context: AudioContext | null = null;
    let failure: unknown = null;
    try {
      context = this.#awake();
    } catch (error) {
      failure = error;
    }
    const open: OpenSound = (report, failed) =>
      context === null ? Promise.reject(failure) : this.#open(context, report, failed);
    const playback = new Playback(source, open, options);
    this.#current = playback;
    const over = () => this.#rest();
    playback.done.then(over, over);
    return playback;
  }

  /** Stop, and give the device back. The player can be used again: it opens anew. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    this.#listen(false);
    const context = this.#context;
    await this.#current?.stop();
    if (context === null || this.#context !== context || context === this.#options.audioContext) return;
    this.#context = null;
    context.removeEventListener("statechange", this.#changed);
    if (context.state !== "closed") await context.close();
  }

  async #open(
    context: AudioContext,
    report: OutputOptions["report"],
    failed: OutputOptions["failed"],
  ): Promise<Sound> {
    const prebufferSeconds = this.#options.prebufferSeconds ?? 0.25;
    const options: OutputOptions = { context, prebufferSeconds, report, failed };
    try {
      await loadWorklet(context, this.#options.workletUrl);
    } catch {
      // No worklet in this browser, or the page may not load it. `metrics.output` says which output is in use.
      return { context, output: new ScheduledOutput(options) };
    }
    return { context, output: new WorkletOutput(options) };
  }

  #awake(): AudioContext {
    if (this.#context === null || this.#context.state === "closed") {
      this.#context = newContext();
      this.#context.addEventListener("statechange", this.#changed);
    }
    const context = this.#context;
    if (context.state !== "running") {
      this.#listen(true);
      context.resume().catch(() => undefined); // the next gesture tries again
    }
    return context;
  }

  readonly #changed = (): void => {
    if (this.#context?.state === "running") this.#listen(false);
    this.#current?.update();
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

  #rest(): void {
    clearTimeout(this.#idle);
    const context = this.#context;
    if (context === null || context === this.#options.audioContext) return;
    this.#idle = setTimeout(() => {
      if (context.state === "running") context.suspend().catch(() => undefined);
    }, IDLE_MS);
  }
}

/** At the stream's own rate, so that the browser resamples once, with its own quality; if it can. */
function newContext(): AudioContext {
  if (typeof globalThis.AudioContext !== "function") {
    throw new SpeechError(
      "UNSUPPORTED",
      "There is no AudioContext here: sound can be played in a page only.",
    );
  }
  try {
    return new AudioContext({ sampleRate: STREAM_RATE });
  } catch {
    return new AudioContext();
  }
}
