import { afterEach, describe, expect, it, vi } from "vitest";
import { byLetters, wordsOf } from "../../src/words";

const TEXTS = {
  plain: "The tide is out. You can walk to the lighthouse.",
  numbers: "In 1984 it cost 3.50 $, or 12 % less.",
  quotes: '"Don\'t," she said — twice.',
  emoji: "Look 👩‍👩‍👧 here 😀 and 🇩🇪 there",
  combining: "Cafe\u0301 e\u0301te\u0301 na\u0308chste",
  chinese: "今天天气很好,我们去海边散步吧。",
  japanese: "今日はとても天気がいいです。",
  arabic: "مرحبا بكم في المنارة",
  thai: "สวัสดีครับ",
  lines: "One\n\nTwo\nthree",
};

function words(text: string, start = 0, end = text.length): string[] {
  return wordsOf(text, { start, end }).map((word) => text.slice(word.start, word.end));
}

describe.each([
  ["by the dictionary of the browser", false],
  ["by letters, where there is no dictionary", true],
])("words found %s", (_, without) => {
  afterEach(() => vi.unstubAllGlobals());
  const prepared = () => {
    if (without) vi.stubGlobal("Intl", { ...Intl, Segmenter: undefined });
  };

  it.each(Object.entries(TEXTS))(
    "lie in order, apart, within the text, and weigh something: %s",
    (_name, text) => {
      prepared();
      const found = wordsOf(text, { start: 0, end: text.length });
      expect(found.length).toBeGreaterThan(0);
      let behind = 0;
      for (const { start, end, weight } of found) {
        expect(start).toBeGreaterThanOrEqual(behind);
        expect(end).toBeGreaterThan(start);
        expect(weight).toBeGreaterThan(0);
        behind = end;
      }
      expect(behind).toBeLessThanOrEqual(text.length);
    },
  );

  it.each(Object.entries(TEXTS))("leave no letter out: %s", (_name, text) => {
    prepared();
    const letters = (part: string) => part.match(/[\p{L}\p{N}]/gu)?.join("") ?? "";
    expect(letters(words(text).join(""))).toBe(letters(text));
  });

  it.each(Object.entries(TEXTS))("cut no character in two: %s", (_name, text) => {
    prepared();
    for (const { start, end } of wordsOf(text, { start: 0, end: text.length })) {
      const part = text.slice(start, end);
      expect(part.isWellFormed?.() ?? true).toBe(true);
      expect(part).not.toMatch(/^\p{M}/u);
      expect(text.slice(end)).not.toMatch(/^\p{M}/u);
    }
  });

  it("are the words of a plain text", () => {
    prepared();
    expect(words("Don't go. Now!")).toEqual(["Don't", "go", "Now"]);
  });

  it("are those of the stretch alone", () => {
    prepared();
    expect(words(TEXTS.plain, 17, 25)).toEqual(["You", "can"]);
  });

  it("are several in Chinese, which has no spaces", () => {
    prepared();
    expect(words(TEXTS.chinese).length).toBeGreaterThan(4);
  });

  it("are the whole stretch when nothing in it is a word", () => {
    prepared();
    expect(words(" 😀! ")).toEqual(["😀!"]);
    expect(words("  ")).toEqual([]);
  });
});

describe("the weight of a word", () => {
  const weights = (text: string) => wordsOf(text, { start: 0, end: text.length }).map(({ weight }) => weight);

  it("grows with its letters", () => {
    const [short, long] = weights("it lighthouse") as [number, number];
    expect(long).toBeGreaterThan(2 * short);
  });

  it("of a number is that of words", () => {
    const [digits, letters] = weights("1984 tide") as [number, number];
    expect(digits).toBeGreaterThan(2 * letters);
  });

  it("has the pause behind it, longer after a sentence than after a comma", () => {
    const [none] = weights("tide is") as [number];
    const [comma] = weights("tide, is") as [number];
    const [stop] = weights("tide. Is") as [number];
    const [paragraph] = weights("tide.\n\nIs") as [number];
    expect([none, comma, stop, paragraph]).toEqual([none, comma, stop, paragraph].toSorted((a, b) => a - b));
    expect(new Set([none, comma, stop, paragraph]).size).toBe(4);
  });

  it("does not count combining marks", () => {
    expect(weights("e\u0301te\u0301")).toEqual(weights("ete"));
  });
});

it("a language that is none is no failure", () => {
  expect(wordsOf("one two", { start: 0, end: 7 }, "not a language!").length).toBe(2);
});

it("without a dictionary a word keeps its apostrophe and its combining marks", () => {
  const found = [...byLetters("l\u2019e\u0301te\u0301 dort")].filter(({ isWord }) => isWord);
  expect(found.map(({ segment }) => segment)).toEqual(["l\u2019e\u0301te\u0301", "dort"]);
});
