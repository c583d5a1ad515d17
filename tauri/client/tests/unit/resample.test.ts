import { describe, expect, it } from "vitest";
import { Resampler } from "../../src/resample";

function resampled(samples: Int16Array, to: number, block: number): Float32Array {
  const resampler = new Resampler(24_000, to);
  const parts: Float32Array[] = [];
  for (let at = 0; at < samples.length; at += block)
    parts.push(resampler.push(samples.subarray(at, at + block)));
  parts.push(resampler.end());
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function tone(hertz: number, length = 24_000): Int16Array {
  return Int16Array.from({ length }, (_, at) =>
    Math.round(16_000 * Math.sin((2 * Math.PI * hertz * at) / 24_000)),
  );
}

describe("a stream at another rate", () => {
  it("is left alone at its own", () => {
    const samples = tone(440, 1000);
    expect([...resampled(samples, 24_000, 333)]).toEqual([...samples].map((sample) => sample / 32768));
  });

  it.each([48_000, 44_100, 96_000, 16_000])("has the length that it should have at %i Hz", (to) => {
    for (const length of [1, 31, 1000, 24_001]) {
      expect(resampled(tone(440, length), to, 400).length).toBe(Math.round((length * to) / 24_000));
    }
  });

  it.each([48_000, 44_100])("is the same however it was cut into blocks, at %i Hz", (to) => {
    const samples = tone(1234, 5000);
    const once = resampled(samples, to, 5000);
    for (const block of [1, 7, 480, 4999]) expect([...resampled(samples, to, block)]).toEqual([...once]);
  });

  it.each([200, 3000, 8000, 10_000])("is the same tone of %i Hz, as loud and not late", (hertz) => {
    const found = resampled(tone(hertz), 48_000, 2400);
    let worst = 0;
    for (let at = 200; at < found.length - 200; at += 1) {
      const wanted = (16_000 / 32768) * Math.sin((2 * Math.PI * hertz * at) / 48_000);
      worst = Math.max(worst, Math.abs((found[at] as number) - wanted));
    }
    expect(worst).toBeLessThan(0.01);
  });
});
