// From the stream to the output: each block is read, resampled and pushed, no more than some seconds ahead of what is
// heard. It does not know what is said with it, nor when it is heard.

import type { Output } from "./output.js";
import type { Sound } from "./playing.js";
import { Resampler } from "./resample.js";
import type { AudioEvent, StreamEvent } from "./stream-event.js";

/** So much is made ready before it is heard; the rest waits in the stream. */
const AHEAD_SECONDS = 10;

export interface FeedListener {
  /** Before its audio is pushed. */
  came(event: StreamEvent): void;
  pushed(): void;
}

export class Feed {
  readonly #iterator: AsyncIterator<StreamEvent>;
  readonly #first: Promise<IteratorResult<StreamEvent>>;
  #output: Output | null = null;
  #resampler: Resampler | null = null;
  #pushed = 0;
  #heard = 0;
  #left = false;
  #room: () => void = () => undefined;

  /** The first event is asked for at once, while the sound is being opened. */
  constructor(source: AsyncIterable<StreamEvent>) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#first = this.#iterator.next();
    this.#first.catch(() => undefined);
  }

  /** Frames of the context that the output was given. */
  get frames(): number {
    return this.#pushed;
  }

  /** Until the stream ends, or it was left. Rejects as the stream does. */
  async into({ context, output }: Sound, to: FeedListener): Promise<void> {
    this.#output = output;
    for (let next = this.#first; ; next = this.#iterator.next()) {
      const { done, value: event } = await next;
      if (done || this.#left) return;
      to.came(event);
      if (event.type === "AUDIO_CHUNK" && !this.#left) {
        this.#push(event, context, output);
        to.pushed();
        await this.#roomIn(context);
      }
    }
  }

  /** No more comes from the stream: what the resampler still has. */
  end(): void {
    const rest = this.#resampler?.end();
    if (rest === undefined || this.#output === null) return;
    this.#pushed += rest.length;
    this.#output.push(rest);
  }

  /** So many frames have been heard. */
  heard(frames: number): void {
    this.#heard = frames;
    this.#room();
  }

  /** Read no more, and let the stream close. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#room();
    this.#return().catch(() => undefined); // nobody wants to know
  }

  async #return(): Promise<void> {
    await this.#iterator.return?.();
  }

  #push(event: AudioEvent, context: AudioContext, output: Output): void {
    this.#resampler ??= new Resampler(event.sample_rate, context.sampleRate);
    const samples = this.#resampler.push(event.samples);
    this.#pushed += samples.length;
    output.push(samples);
  }

  async #roomIn(context: AudioContext): Promise<void> {
    while (this.#pushed - this.#heard > AHEAD_SECONDS * context.sampleRate && !this.#left) {
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    }
  }
}
