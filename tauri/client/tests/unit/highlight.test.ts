import { describe, expect, it } from "vitest";
import { Highlight } from "../../src/highlight";
import type { SpokenChunk } from "../../src/stream-event";

const TEXT = "The tide is out. You can walk to the lighthouse, if you like. 😀 Take good shoes.";
const CHUNKS: SpokenChunk[] = [
  { index: 0, range: { start: 0, end: 17 } },
  { index: 1, range: { start: 17, end: 62 } },
  { index: 2, range: { start: 62, end: TEXT.length } },
];
const LENGTHS = [30_000, 70_000, 40_000];

function whole(): Highlight {
  const highlight = new Highlight(TEXT, "en");
  CHUNKS.forEach((chunk, at) => {
    highlight.add(chunk, (LENGTHS[at] as number) / 2);
    highlight.add(chunk, (LENGTHS[at] as number) / 2);
  });
  highlight.end();
  return highlight;
}

/** Every word that lights up, in order, when the audio is heard in small steps. */
function seen(highlight: Highlight, until: number, step = 100): string[] {
  const found: string[] = [];
  for (let samples = 0; samples < until; samples += step) {
    const { range } = highlight.at(samples);
    const word = range ? TEXT.slice(range.start, range.end) : "";
    if (found[found.length - 1] !== word) found.push(word);
  }
  return found;
}

describe("the word that is heard", () => {
  it("is each word once, in the order of the text", () => {
    expect(seen(whole(), 140_000)).toEqual(
      "The tide is out You can walk to the lighthouse if you like Take good shoes".split(" "),
    );
  });

  it("is in the chunk that is heard, whose borders are exact", () => {
    const highlight = whole();
    expect(highlight.at(0).chunk).toEqual(CHUNKS[0]?.range);
    expect(highlight.at(29_999).chunk).toEqual(CHUNKS[0]?.range);
    expect(highlight.at(30_000).chunk).toEqual(CHUNKS[1]?.range);
    expect(highlight.at(99_999).chunk).toEqual(CHUNKS[1]?.range);
    const { chunk, range } = highlight.at(100_000);
    expect(chunk).toEqual(CHUNKS[2]?.range);
    expect(range?.start).toBeGreaterThanOrEqual(62);
  });

  it("is the last one at the end, and stays it", () => {
    const highlight = whole();
    for (const at of [139_999, 140_000, 200_000]) {
      const { range } = highlight.at(at);
      expect(TEXT.slice(range?.start, range?.end)).toBe("shoes");
    }
  });

  it("never goes back, however the audio comes in", () => {
    const highlight = new Highlight(TEXT, "en");
    let heard = 0;
    let last = -1;
    for (let at = 0; at < CHUNKS.length; at += 1) {
      // Chunks far longer and far shorter than the pace before them, in pieces of odd lengths.
      const pieces = [
        [500, 90_000, 10],
        [40, 60, 3],
        [20_000, 1, 70_000],
      ][at] as number[];
      for (const piece of pieces) {
        highlight.add(CHUNKS[at] as SpokenChunk, piece);
        for (let step = 0; step < 10; step += 1) {
          heard += piece / 10;
          const { range } = highlight.at(heard);
          expect(range?.start ?? -1).toBeGreaterThanOrEqual(last);
          last = range?.start ?? last;
        }
      }
    }
  });

  it("moves at the pace so far while the chunk's length is not known", () => {
    const highlight = new Highlight(TEXT, "en");
    highlight.add(CHUNKS[0] as SpokenChunk, 30_000);
    highlight.add(CHUNKS[1] as SpokenChunk, 24_000); // of about 70,000
    // Nearly all that came has been heard, which is a third of the stretch.
    const start = highlight.at(53_000).range?.start ?? 0;
    expect(start).toBeGreaterThan(17);
    expect(start).toBeLessThan(TEXT.indexOf("lighthouse"));
  });

  it("is none before the first audio, and without the text", () => {
    expect(new Highlight(TEXT).at(0)).toEqual({ chunk: null, range: null });
    const highlight = new Highlight(undefined);
    highlight.add({ index: 0, range: null }, 100);
    expect(highlight.at(50)).toEqual({ chunk: null, range: null });
  });
});
