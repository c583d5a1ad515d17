import { describe, expect, it } from "vitest";
import { Offsets } from "../../src/index";

describe("an offset of the engine becomes one of JavaScript", () => {
  it.each([
    ["plain", "hello"],
    ["an emoji", "a😀b"],
    ["many emoji, over the marks", "😀x".repeat(5000)],
    ["combining characters", "e\u0301😀e\u0301"],
    ["a lone half of a pair", "a\ud83d b😀"],
  ])("%s", (_, text) => {
    const offsets = new Offsets(text);
    let at = 0;
    const places = [...text].map((character) => {
      const place = at;
      at += character.length;
      return place;
    });
    places.push(text.length);
    // Backwards too: what is asked for need not be in order.
    for (let index = places.length - 1; index >= 0; index -= 7) expect(offsets.at(index)).toBe(places[index]);
    for (let index = 0; index < places.length; index += 1) expect(offsets.at(index)).toBe(places[index]);
  });

  it("behind the end is the end", () => {
    expect(new Offsets("ab").at(9)).toBe(2);
    expect(new Offsets("😀").at(9)).toBe(2);
  });

  it("a range is cut out of the text by slice", () => {
    const text = "😀😀 tide 😀";
    const { start, end } = new Offsets(text).range(3, 7);
    expect(text.slice(start, end)).toBe("tide");
  });
});
