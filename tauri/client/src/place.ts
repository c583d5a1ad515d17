// Where a playback is: from what was rendered and the time that it takes to the ear, to seconds and a word.

import { Clock, latencyOf } from "./clock.js";
import { Highlight } from "./highlight.js";
import type { Report } from "./output.js";
import type { Position } from "./playing.js";
import type { AudioEvent } from "./stream-event.js";
import type { TextRange } from "./types.js";

export class Place {
  readonly #clock = new Clock();
  readonly #highlight: Highlight;
  #rate = 0;
  #samples = 0;
  #position: Position = { seconds: 0, range: null, chunk: null };

  constructor(text: string | undefined, locale: string | undefined) {
    this.#highlight = new Highlight(text, locale);
  }

  get position(): Position {
    return this.#position;
  }

  /** Audio that will be heard. */
  add(event: AudioEvent): void {
    this.#rate = event.sample_rate;
    this.#samples += event.samples.length;
    this.#highlight.add(event.chunk, event.samples.length);
  }

  /** No more comes. */
  end(): void {
    this.#highlight.end();
  }

  rendered(report: Report): void {
    this.#clock.add(report);
  }

  /** Look at the clock; true when the place is another one. */
  moved(context: AudioContext): boolean {
    const heard = this.inStream(this.#clock.at(context.currentTime - latencyOf(context)), context);
    return heard > 0 && this.#at(Math.min(heard, this.#samples)); // frames of another rate may be a little more
  }

  /** All of it has been heard; true when that is another place. */
  finish(): boolean {
    return this.#samples > 0 && this.#at(this.#samples);
  }

  /** Frames of the context as samples of the stream. */
  inStream(frames: number, context: AudioContext): number {
    return (frames * this.#rate) / context.sampleRate;
  }

  #at(samples: number): boolean {
    const { chunk, range } = this.#highlight.at(samples);
    const seconds = samples / this.#rate;
    const last = this.#position;
    if (seconds === last.seconds && same(range, last.range) && same(chunk, last.chunk)) return false;
    this.#position = { seconds, range, chunk };
    return true;
  }
}

function same(one: TextRange | null, other: TextRange | null): boolean {
  return one?.start === other?.start && one?.end === other?.end;
}
