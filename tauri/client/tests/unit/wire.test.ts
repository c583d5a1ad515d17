import { describe, expect, it } from "vitest";
import { decode } from "../../src/wire";
import { audio } from "./fakes";

describe("a message of the stream", () => {
  it("in binary is audio with its number and its place", () => {
    expect(decode(audio(7, [1, -2, 32767, -32768], [3, 40, 90]))).toEqual({
      type: "AUDIO_CHUNK",
      seq: 7,
      samples: Int16Array.of(1, -2, 32767, -32768),
      sample_rate: 24_000,
      text_range: { chunk_index: 3, start_char: 40, end_char: 90 },
    });
  });

  it("as text is an event", () => {
    expect(decode('{"type": "JOB_DONE", "job_id": "x", "new": 1}')).toEqual({
      type: "JOB_DONE",
      job_id: "x",
      new: 1,
    });
  });

  it("that this client does not know is nothing", () => {
    expect(decode('{"type": "JOB_SANG"}')).toBeNull();
  });

  it.each([
    ["a head that is cut off", audio(1).slice(0, 20)],
    ["a head of another kind", new ArrayBuffer(100)],
    ["half a sample", audio(1).slice(0, 27)],
    ["no JSON", "{"],
    ["JSON without a type", "{}"],
    ["JSON that is no object", "null"],
  ])("that cannot be read is said to be so: %s", (_, data) => {
    expect(() => decode(data)).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
  });
});
