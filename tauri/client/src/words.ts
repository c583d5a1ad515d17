// The words of a stretch of text, and how long each takes to say compared with the others. It is a guess from the
// letters alone: a letter is 1, what takes longer is more, a pause is put on the word before it.

import type { TextRange } from "./types.js";

export interface Word extends TextRange {
  /** Compared with one letter. Greater than 0. */
  weight: number;
}

const DIGIT = 4; // 1984: nineteen eighty-four
const SYLLABLE = 3; // one ideograph or kana
const SIGN = 4; // % or &, which is said as a word

const PAUSES: readonly [RegExp, number][] = [
  [/\n\s*\n/gu, 12],
  [/[.!?…。！？]+/gu, 8],
  [/[,;:–—、，；：]/gu, 4],
  [/[)(\]["“”«»]/gu, 1],
];

/** Words of `text` between two UTF-16 places, in order. There is one at least if there is anything to be said. */
export function wordsOf(text: string, { start, end }: TextRange, locale?: string): Word[] {
  const words: Word[] = [];
  let before = 0; // the weight of what stands before the first word
  let gap = "";
  const close = () => {
    const last = words[words.length - 1];
    if (last) last.weight += between(gap);
    else before += between(gap);
    gap = "";
  };
  for (const { index, segment, isWord } of segments(text.slice(start, end), locale)) {
    if (!isWord) {
      gap += segment; // a pause may lie in several of them
      continue;
    }
    close();
    words.push({ start: start + index, end: start + index + segment.length, weight: said(segment) + before });
    before = 0;
  }
  close();
  const only = words.length === 0 ? trimmed(text, start, end) : null;
  return only === null ? words : [{ ...only, weight: Math.max(before, 1) }];
}

interface Segment {
  index: number;
  segment: string;
  isWord: boolean;
}

function segments(text: string, locale: string | undefined): Iterable<Segment> {
  return typeof Intl.Segmenter === "function" ? byLanguage(text, locale) : byLetters(text);
}

function* byLanguage(text: string, locale: string | undefined): Iterable<Segment> {
  for (const { index, segment, isWordLike } of segmenter(locale).segment(text)) {
    yield { index, segment, isWord: isWordLike === true };
  }
}

function segmenter(locale: string | undefined): Intl.Segmenter {
  try {
    return new Intl.Segmenter(locale, { granularity: "word" });
  } catch {
    return new Intl.Segmenter(undefined, { granularity: "word" }); // the engine's "auto" is no language
  }
}

/** Without a dictionary each ideograph is a word. */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]\p{M}*|[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’.][\p{L}\p{N}][\p{L}\p{M}\p{N}]*)*/gu;

export function* byLetters(text: string): Iterable<Segment> {
  let at = 0;
  for (const match of text.matchAll(WORD)) {
    if (match.index > at) yield { index: at, segment: text.slice(at, match.index), isWord: false };
    yield { index: match.index, segment: match[0], isWord: true };
    at = match.index + match[0].length;
  }
  if (at < text.length) yield { index: at, segment: text.slice(at), isWord: false };
}

function said(word: string): number {
  let weight = 1; // the word's own beginning
  for (const character of word) {
    if (/\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}/u.test(character)) weight += SYLLABLE;
    else if (/\p{L}/u.test(character)) weight += 1;
    else if (/\p{N}/u.test(character)) weight += DIGIT;
  }
  return weight;
}

function between(text: string): number {
  let weight = 0;
  for (const [pause, length] of PAUSES) weight += length * (text.match(pause)?.length ?? 0);
  for (const _ of text.matchAll(/[\p{Sc}\p{Sm}%&@#§°]/gu)) weight += SIGN;
  return weight;
}

function trimmed(text: string, start: number, end: number): TextRange | null {
  const within = text.slice(start, end);
  const core = within.trim();
  if (core === "") return null;
  const from = start + within.indexOf(core);
  return { start: from, end: from + core.length };
}
