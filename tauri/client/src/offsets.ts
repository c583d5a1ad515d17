// Places in a text: the engine counts Unicode code points, JavaScript counts UTF-16 units.

import type { TextRange } from "./types.js";

const STEP = 1024;
const SURROGATE = /[\uD800-\uDBFF][\uDC00-\uDFFF]/;

export class Offsets {
  readonly #text: string;
  /** The UTF-16 place of every 1024th code point, as far as anybody asked; null when both counts are the same. */
  readonly #marks: number[] | null;

  constructor(text: string) {
    this.#text = text;
    this.#marks = SURROGATE.test(text) ? [0] : null;
  }

  /** The UTF-16 place of a code point; of one behind the end, the end. */
  at(codePoint: number): number {
    const text = this.#text;
    if (this.#marks === null) return Math.min(codePoint, text.length);
    const step = Math.floor(codePoint / STEP);
    while (this.#marks.length <= step) {
      const last = this.#marks[this.#marks.length - 1] as number;
      this.#marks.push(behind(text, last, STEP));
    }
    return behind(text, this.#marks[step] as number, codePoint % STEP);
  }

  range(startCodePoint: number, endCodePoint: number): TextRange {
    return { start: this.at(startCodePoint), end: this.at(endCodePoint) };
  }
}

function behind(text: string, from: number, codePoints: number): number {
  let at = from;
  for (let left = codePoints; left > 0 && at < text.length; left -= 1) {
    at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
  }
  return at;
}
