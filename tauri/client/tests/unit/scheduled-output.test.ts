// The output without a worklet, on a stand-in for the browser's audio: what is started when, and how loud.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Report } from "../../src/output";
import { ScheduledOutput } from "../../src/scheduled-output";

const RATE = 1000;

interface Started {
  samples: Float32Array;
  at: number;
  offset: number;
  stopped: number | null;
}

class FakeSource {
  buffer = { samples: new Float32Array(0) };
  #mine: Started | null = null;

  constructor(private readonly started: Started[]) {}

  connect(): void {}

  start(at: number, offset: number): void {
    this.#mine = { samples: this.buffer.samples, at, offset, stopped: null };
    this.started.push(this.#mine);
  }

  stop(time: number): void {
    if (this.#mine) this.#mine.stopped = time;
  }
}

class FakeContext {
  currentTime = 10;
  sampleRate = RATE;
  destination = {};
  readonly started: Started[] = [];
  readonly ramps: [number, number][] = [];
  gainValue = 1;

  createGain(): object {
    const { ramps } = this;
    const context = this;
    const gain = {
      get value() {
        return context.gainValue;
      },
      cancelScheduledValues: () => ramps.splice(0),
      setValueAtTime: () => undefined,
      linearRampToValueAtTime: (value: number, time: number) => ramps.push([value, time]),
    };
    return { gain, connect: () => undefined, disconnect: () => undefined };
  }

  createBuffer(
    _channels: number,
    length: number,
  ): { samples: Float32Array; copyToChannel(from: Float32Array): void } {
    const samples = new Float32Array(length);
    return { samples, copyToChannel: (from) => samples.set(from) };
  }

  createBufferSource(): FakeSource {
    return new FakeSource(this.started);
  }

  /** The samples that are heard, by the frame of the context in which they are. */
  heard(): Map<number, number> {
    const frames = new Map<number, number>();
    for (const { samples, at, offset, stopped } of this.started) {
      const first = Math.round(at * RATE);
      const skipped = Math.round(offset * RATE);
      const end = stopped === null ? Number.POSITIVE_INFINITY : Math.round(stopped * RATE);
      for (let index = skipped; index < samples.length && first + index - skipped < end; index += 1) {
        expect(frames.has(first + index - skipped), "two sounds at once").toBe(false);
        frames.set(first + index - skipped, samples[index] as number);
      }
    }
    return frames;
  }
}

let context: FakeContext;
let reports: Report[];
let output: ScheduledOutput;
let next: number;

beforeEach(() => {
  vi.useFakeTimers();
  context = new FakeContext();
  reports = [];
  next = 0;
  output = new ScheduledOutput({
    context: context as unknown as AudioContext,
    prebufferSeconds: 0.1,
    report: (report) => reports.push(report),
    failed: () => undefined,
  });
});
afterEach(() => {
  output.stop();
  vi.useRealTimers();
});

/** The next samples, each of which is a number of its own. */
function push(length: number): void {
  output.push(Float32Array.from({ length }, () => next++));
}

function pass(seconds: number): void {
  for (let left = Math.round(seconds * 100); left > 0; left -= 1) {
    context.currentTime += 0.01;
    vi.advanceTimersByTime(10);
  }
}

const last = () => reports.at(-1) as Report;
const values = () => [...context.heard()].sort(([one], [other]) => one - other).map(([, value]) => value);
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

describe("the scheduled output", () => {
  it("waits for the prebuffer, then plays every sample once, frame by frame", () => {
    push(99);
    pass(0.1);
    expect(context.started).toEqual([]);
    push(151);
    push(333);
    output.end();
    pass(1);
    const frames = [...context.heard().keys()].sort((one, other) => one - other);
    expect(values()).toEqual(numbers(0, 583));
    expect((frames.at(-1) as number) - (frames[0] as number)).toBe(582);
    expect(last()).toMatchObject({ state: "drained", frames: 583, underruns: 0 });
  });

  it("goes on after a pause behind what was heard, within the block", () => {
    push(1000);
    pass(0.3);
    output.pause();
    expect(last().state).toBe("paused");
    const { frames } = last();
    expect(frames).toBeGreaterThan(200);
    expect(frames).toBeLessThan(300);
    pass(1);
    expect(last()).toMatchObject({ state: "paused", frames });
    output.resume();
    output.end();
    pass(1.2);
    expect(values()).toEqual(numbers(0, 1000));
    expect(last()).toMatchObject({ state: "drained", frames: 1000 });
  });

  it("that runs dry fades at the end of what is there, and begins anew with what comes", () => {
    push(200);
    const [, fade] = context.ramps;
    expect(fade?.[0]).toBe(0);
    expect(fade?.[1]).toBeCloseTo(10.05 + 0.2, 6);
    pass(0.5);
    expect(last()).toMatchObject({ state: "filling", frames: 200, underruns: 1 });
    push(100);
    output.end();
    expect(context.ramps.map(([value]) => value)).toEqual([1]); // in; and nothing out, as it is the end
    pass(0.5);
    expect(values()).toEqual(numbers(0, 300));
  });

  it("is silent at once when it is stopped", () => {
    push(1000);
    pass(0.3);
    output.stop();
    expect(last().state).toBe("stopped");
    expect(context.ramps).toEqual([[0, context.currentTime + 0.005]]);
    expect(context.started[0]?.stopped).toBeCloseTo(context.currentTime + 0.005, 6);
    const told = reports.length;
    pass(1);
    expect(reports.length).toBe(told);
  });

  it("that is paused before it begins does not begin", () => {
    output.pause();
    push(1000);
    pass(0.5);
    expect(context.started).toEqual([]);
    output.resume();
    expect(context.started.length).toBe(1);
  });
});
