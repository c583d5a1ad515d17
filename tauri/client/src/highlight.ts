// Which word is being heard, from how many samples have been heard. The chunks' borders are exact: the engine says
// them. Within a chunk the word is an estimate, by the weights of its words; until the chunk's length is known, by
// the pace so far. It never goes back.

import type { SpokenChunk } from "./stream-event.js";
import type { TextRange } from "./types.js";
import { type Word, wordsOf } from "./words.js";

/** Samples per unit of weight, before anything was measured: about 15 letters a second. */
const FIRST_PACE = 24_000 / 17;

interface Span {
  chunk: SpokenChunk;
  words: Word[];
  weight: number;
  start: number;
  /** Where its audio ends, as far as it has come. */
  end: number;
  whole: boolean;
}

export interface Heard {
  chunk: TextRange | null;
  /** The word. */
  range: TextRange | null;
}

export class Highlight {
  readonly #text: string | undefined;
  readonly #locale: string | undefined;
  #spans: Span[] = [];
  #total = 0;
  #spokenSamples = 0;
  #spokenWeight = 0;
  #last: { span: Span; word: number } | null = null;

  constructor(text: string | undefined, locale?: string) {
    this.#text = text;
    this.#locale = locale;
  }

  /** Audio that comes next, in samples of the stream. */
  add(chunk: SpokenChunk, samples: number): void {
    let span = this.#spans[this.#spans.length - 1];
    if (span?.chunk.index !== chunk.index) {
      this.#complete(span);
      const words =
        this.#text !== undefined && chunk.range ? wordsOf(this.#text, chunk.range, this.#locale) : [];
      const weight = words.reduce((sum, word) => sum + word.weight, 0);
      span = { chunk, words, weight, start: this.#total, end: this.#total, whole: false };
      this.#spans.push(span);
    }
    span.end += samples;
    this.#total += samples;
  }

  /** No more audio comes. */
  end(): void {
    this.#complete(this.#spans[this.#spans.length - 1]);
  }

  /** What is heard after so many samples. To be asked with numbers that do not fall. */
  at(samples: number): Heard {
    while ((this.#spans[1]?.start ?? Number.POSITIVE_INFINITY) <= samples) this.#spans.shift();
    const span = this.#spans[0];
    if (span === undefined || span.start > samples) return { chunk: null, range: null };
    const before = this.#last?.span === span ? this.#last.word : 0;
    const word = Math.max(
      before,
      wordAt(span.words, ((samples - span.start) / this.#length(span)) * span.weight),
    );
    this.#last = { span, word };
    const found = span.words[word];
    return { chunk: span.chunk.range, range: found ? { start: found.start, end: found.end } : null };
  }

  #length(span: Span): number {
    const soFar = span.end - span.start;
    if (span.whole) return Math.max(soFar, 1);
    const pace = this.#spokenWeight > 0 ? this.#spokenSamples / this.#spokenWeight : FIRST_PACE;
    return Math.max(soFar, span.weight * pace, 1);
  }

  #complete(span: Span | undefined): void {
    if (span === undefined || span.whole) return;
    span.whole = true;
    this.#spokenSamples += span.end - span.start;
    this.#spokenWeight += span.weight;
  }
}

/** The word in which the weight so far lies. */
function wordAt(words: Word[], weight: number): number {
  let behind = 0;
  for (let at = 0; at < words.length; at += 1) {
    behind += (words[at] as Word).weight;
    if (weight < behind) return at;
  }
  return Math.max(words.length - 1, 0);
}
