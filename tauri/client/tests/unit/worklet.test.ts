// The worklet's own code, on a stand-in for the audio thread: one call is one block of 128 frames.

import { beforeEach, describe, expect, it, vi } from "vitest";

const RATE = 24_000;
const RAMP = 120;
const BLOCK = 128;

interface Report {
  state: string;
  time: number;
  frames: number;
  underruns: number;
  peak: number;
}

class Port {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  reports: Report[] = [];
  postMessage(report: Report): void {
    this.reports.push(report);
  }
}

interface Processor {
  port: Port;
  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}

let make: new (options: object) => Processor;
vi.stubGlobal("sampleRate", RATE);
vi.stubGlobal("currentTime", 0);
vi.stubGlobal(
  "AudioWorkletProcessor",
  class {
    port = new Port();
  },
);
vi.stubGlobal("registerProcessor", (_name: string, made: typeof make) => {
  make = made;
});
// @ts-expect-error: plain JavaScript for another thread
await import("../../src/player.worklet.js");

class Thread {
  readonly processor = new make({ processorOptions: { prebufferFrames: 1000, rampFrames: RAMP } });
  readonly heard: number[] = [];
  alive = true;
  #blocks = 0;

  tell(message: object): this {
    this.processor.port.onmessage?.({ data: message });
    return this;
  }

  push(length: number, value = 1): this {
    return this.tell({ type: "push", samples: new Float32Array(length).fill(value) });
  }

  run(blocks: number): this {
    for (let at = 0; at < blocks && this.alive; at += 1) {
      vi.stubGlobal("currentTime", (this.#blocks * BLOCK) / RATE);
      const channels = [new Float32Array(BLOCK), new Float32Array(BLOCK)];
      this.alive = this.processor.process([], [channels]);
      expect(channels[1]).toEqual(channels[0]);
      this.heard.push(...(channels[0] as Float32Array));
      this.#blocks += 1;
    }
    return this;
  }

  get last(): Report {
    return this.processor.port.reports.at(-1) as Report;
  }

  /** The largest step between two samples in a row: a click is a large one. */
  get step(): number {
    return this.heard.reduce(
      (most, one, at) => Math.max(most, Math.abs(one - (this.heard[at - 1] ?? one))),
      0,
    );
  }
}

let thread: Thread;
beforeEach(() => {
  thread = new Thread();
});

describe("the worklet", () => {
  it("waits for the prebuffer", () => {
    thread.push(999).run(20);
    expect(thread.last).toMatchObject({ state: "filling", frames: 0, underruns: 0 });
    thread.push(1).run(1);
    expect(thread.last).toMatchObject({ state: "playing", frames: BLOCK });
  });

  it("does not wait for it when all is here", () => {
    thread.push(10).tell({ type: "end" }).run(1);
    expect(thread.last).toMatchObject({ state: "drained", frames: 10 });
    expect(thread.alive).toBe(false);
  });

  it("plays every sample as it is, over the borders of blocks, and says how loud it was", () => {
    const samples = Float32Array.from({ length: 2001 }, (_, at) => Math.sin(at) * 0.7);
    for (const [from, to] of [
      [0, 7],
      [7, 1500],
      [1500, 2001],
    ]) {
      thread.tell({ type: "push", samples: samples.slice(from, to) });
    }
    thread.tell({ type: "end" }).run(30);
    expect(thread.heard.slice(0, 2001)).toEqual([...samples]);
    expect(thread.last).toMatchObject({ state: "drained", frames: 2001, underruns: 0 });
    expect(thread.last.peak).toBeCloseTo(0.7, 3);
    expect(thread.last.time).toBeCloseTo((16 * BLOCK) / RATE, 9);
  });

  it("fades out before it runs dry, waits for the prebuffer, and fades in", () => {
    thread.push(1500).run(20);
    expect(thread.last).toMatchObject({ state: "filling", frames: 1500, underruns: 1 });
    thread.push(900).run(5);
    expect(thread.last).toMatchObject({ state: "filling", frames: 1500 });
    thread.push(100).run(3);
    expect(thread.last.state).toBe("playing");
    expect(Math.max(...thread.heard)).toBe(1);
    expect(thread.step).toBeLessThanOrEqual(1 / RAMP + 1e-6);
  });

  it("is loud again when more comes in the middle of the fade", () => {
    thread.push(1056).run(8); // 32 frames are left, the fade is under way
    expect(thread.heard.at(-1)).toBeLessThan(1);
    thread.push(2000).run(5);
    expect(thread.heard.at(-1)).toBe(1);
    expect(thread.last.underruns).toBe(0);
    expect(thread.step).toBeLessThanOrEqual(1 / RAMP + 1e-6);
  });

  it("fades into a pause, keeps its place, and fades in again", () => {
    thread.push(5000).run(5).tell({ type: "pause" }).run(3);
    const { frames } = thread.last;
    expect(thread.last.state).toBe("paused");
    expect(frames).toBeLessThanOrEqual(5 * BLOCK + RAMP + 1);
    thread.run(50);
    expect(thread.last.frames).toBe(frames);
    expect(thread.heard.at(-1)).toBe(0);
    thread.tell({ type: "resume" }).run(5);
    expect(thread.last.state).toBe("playing");
    expect(thread.last.frames).toBe(frames + 5 * BLOCK);
    expect(thread.step).toBeLessThanOrEqual(1 / RAMP + 1e-6);
  });

  it("that is paused before it begins does not begin", () => {
    thread.tell({ type: "pause" }).push(5000).run(10);
    expect(thread.last).toMatchObject({ state: "paused", frames: 0 });
    thread.tell({ type: "resume" }).run(1);
    expect(thread.last.state).toBe("playing");
  });

  it("fades into a stop, and is over, also out of a pause", () => {
    thread.push(5000).run(5).tell({ type: "stop" }).run(3);
    expect(thread.last.state).toBe("stopped");
    expect(thread.alive).toBe(false);
    expect(thread.step).toBeLessThanOrEqual(1 / RAMP + 1e-6);
    const other = new Thread();
    other.push(5000).tell({ type: "pause" }).run(2).tell({ type: "stop" }).run(1);
    expect(other.last.state).toBe("stopped");
  });

  it("that was stopped is not brought back", () => {
    thread.push(5000).run(2).tell({ type: "stop" }).tell({ type: "resume" }).tell({ type: "pause" }).run(5);
    expect(thread.last.state).toBe("stopped");
  });

  it("reports about every 20 ms while it plays", () => {
    thread.push(24_000).run(150);
    const times = thread.processor.port.reports.map(({ time }) => time);
    const gaps = times.slice(1).map((time, at) => time - (times[at] as number));
    expect(Math.max(...gaps)).toBeLessThan(0.026);
    expect(times.length).toBeGreaterThan(30);
  });
});
