// What speeches are played with: one device, and one playback at a time.

import { Device } from "./device.js";
import { SpeechError } from "./errors.js";
import type { OutputOptions } from "./output.js";
import { Playback } from "./playback.js";
import { FINAL, type OpenSound, type PlayOptions, type Sound, type Source } from "./playing.js";
import { ScheduledOutput } from "./scheduled-output.js";
import { loadWorklet, WorkletOutput } from "./worklet-output.js";

export interface PlayerOptions {
  /** Where `q3tts-client/player.worklet.js` is, if it is not beside this module. */
  workletUrl?: string | URL | undefined;
  /** One of your own, of any rate. It is woken, but neither suspended nor closed here. */
  audioContext?: AudioContext | undefined;
  /** How much has to be there before the sound begins, or goes on after it ran dry: 0.02 to 5; less or more is that. */
  prebufferSeconds?: number | undefined;
}

export class Player {
  readonly #workletUrl: string | URL | undefined;
  readonly #prebufferSeconds: number;
  readonly #device: Device;
  #current: Playback | null = null;

  constructor({ workletUrl, audioContext, prebufferSeconds = 0.25 }: PlayerOptions = {}) {
    this.#workletUrl = workletUrl;
    this.#prebufferSeconds = prebuffer(prebufferSeconds);
    this.#device = new Device(audioContext, {
      needed: () => this.#current !== null && !FINAL.has(this.#current.state),
      changed: () => this.#current?.update(),
    });
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
    let context: AudioContext | null = null;
    let failure: unknown = null;
    try {
      context = this.#device.awake();
    } catch (error) {
      failure = error;
    }
    const open: OpenSound = (report, failed) =>
      context === null ? Promise.reject(failure) : this.#open(context, report, failed);
    const before = this.#current;
    const playback = new Playback(source, open, options);
    this.#current = playback;
    void before?.stop(); // who is told of it finds the new one, and may play yet another
    // Another one may be playing by then, which still wants the sound.
    const over = () => {
      if (this.#current === playback) this.#device.rest();
    };
    playback.done.then(over, over);
    return playback;
  }

  /** Stop, and give the device back. The player can be used again: it opens anew. */
  async close(): Promise<void> {
    const close = this.#device.release(); // first: a `play` that comes meanwhile gets another
    await this.#current?.stop();
    await close();
  }

  async #open(
    context: AudioContext,
    report: OutputOptions["report"],
    failed: OutputOptions["failed"],
  ): Promise<Sound> {
    const prebufferSeconds = this.#prebufferSeconds;
    const options: OutputOptions = { context, prebufferSeconds, report, failed };
    const wake = () => this.#device.wake();
    try {
      await loadWorklet(context, this.#workletUrl);
    } catch {
      // No worklet in this browser, or the page may not load it. `metrics.output` says which output is in use.
      return { context, output: new ScheduledOutput(options), wake };
    }
    return { context, output: new WorkletOutput(options), wake };
  }
}

/** With less the sound would begin with a stutter; with more than the engine is let ahead, never. */
function prebuffer(seconds: number): number {
  if (typeof seconds !== "number" || Number.isNaN(seconds)) {
    const message = `prebufferSeconds is ${String(seconds)}; it has to be a number from 0.02 to 5`;
    throw new SpeechError("INVALID_REQUEST", message);
  }
  return Math.min(Math.max(seconds, 0.02), 5);
}
