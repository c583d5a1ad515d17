import { beforeEach, describe, expect, it, vi } from "vitest";
import { type AudioEvent, SpeechError, type StreamEvent } from "../../src/index";
import type { Output, Report } from "../../src/output";
import { Playback } from "../../src/playback";
import type { Sound } from "../../src/playing";
import { deferred } from "./fakes";

const TEXT = "One two. Three four.";

class FakeOutput implements Output {
  readonly kind = "worklet";
  readonly told: string[] = [];
  pushed = 0;
  push(samples: Float32Array): void {
    this.pushed += samples.length;
  }
  end(): void {
    this.told.push("end");
  }
  pause(): void {
    this.told.push("pause");
  }
  resume(): void {
    this.told.push("resume");
  }
  stop(): void {
    this.told.push("stop");
  }
}

/** A stream that the test feeds by hand. */
class Feed implements AsyncIterable<StreamEvent> {
  readonly text = TEXT;
  taken = 0;
  left = false;
  #items: { event?: StreamEvent; error?: unknown; done?: boolean }[] = [];
  #wake: () => void = () => undefined;
  give(...events: StreamEvent[]): void {
    for (const event of events) this.#items.push({ event });
    this.#wake();
  }
  end(): void {
    this.#items.push({ done: true });
    this.#wake();
  }
  fail(error: unknown): void {
    this.#items.push({ error });
    this.#wake();
  }
  [Symbol.asyncIterator](): AsyncIterator<StreamEvent> {
    return {
      next: async () => {
        while (this.#items.length === 0 && !this.left) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        const item = this.#items.shift();
        if (item?.error) throw item.error;
        if (item?.event === undefined) return { done: true, value: undefined };
        this.taken += 1;
        return { done: false, value: item.event };
      },
      return: async () => {
        this.left = true;
        this.#wake();
        return { done: true, value: undefined };
      },
    };
  }
}

const audio = (seq: number, seconds: number, index: number, start: number, end: number): AudioEvent => ({
  type: "AUDIO_CHUNK",
  job_id: "x",
  seq,
  samples: new Int16Array(seconds * 24_000),
  sample_rate: 24_000,
  chunk: { index, range: { start, end } },
});

let output: FakeOutput;
let feed: Feed;
let context: {
  state: string;
  currentTime: number;
  sampleRate: number;
  outputLatency: number;
  baseLatency: number;
};
let report: (report: Partial<Report>) => void;
let failed: (error: unknown) => void;
let events: string[];
let unopened: Error | null;

beforeEach(() => {
  output = new FakeOutput();
  feed = new Feed();
  unopened = null;
  context = { state: "running", currentTime: 0, sampleRate: 24_000, outputLatency: 0, baseLatency: 0 };
});

function start(options: { signal?: AbortSignal; source?: PromiseLike<Feed> } = {}): Playback {
  const playback = new Playback(
    options.source ?? feed,
    async (onReport, onFailure) => {
      report = (part) => {
        context.currentTime = part.time ?? context.currentTime;
        onReport({ state: "playing", time: context.currentTime, frames: 0, underruns: 0, peak: 0, ...part });
      };
      failed = onFailure;
      if (unopened) throw unopened;
      return {
        context: context as unknown as AudioContext,
        output,
        wake: () => output.told.push("wake"),
      } satisfies Sound;
    },
    options.signal ? { signal: options.signal } : {},
  );
  events = [];
  playback.on("state", (state) => events.push(state));
  return playback;
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

describe("a playback", () => {
  it("waits, plays, and ends when the last sample was rendered and heard", async () => {
    const playback = start();
    expect([playback.state, playback.waitingFor]).toEqual(["waiting", "audio"]);
    feed.give(audio(1, 1, 0, 0, 9), audio(2, 1, 1, 9, 20), { type: "JOB_DONE", job_id: "x" });
    feed.end();
    await expect.poll(() => output.told).toEqual(["end"]);
    expect(output.pushed).toBe(48_000);
    report({ time: 0.1, frames: 2400 });
    expect(playback.state).toBe("playing");
    expect(playback.metrics.firstAudioMs).toBeGreaterThanOrEqual(0);
    report({ time: 2, frames: 48_000, state: "drained", peak: 0.5 });
    await playback.done;
    expect(events).toEqual(["playing", "ended"]);
    expect(playback.metrics).toMatchObject({
      samplesPlayed: 48_000,
      peak: 0.5,
      underruns: 0,
      output: "worklet",
    });
    expect(playback.position).toEqual({
      seconds: 2,
      range: { start: 15, end: 19 },
      chunk: { start: 9, end: 20 },
    });
  });

  it("tells the place that is heard, which is behind what is rendered", async () => {
    const playback = start();
    context.outputLatency = 0.5;
    feed.give(audio(1, 1, 0, 0, 9), audio(2, 1, 1, 9, 20));
    await expect.poll(() => output.pushed).toBe(48_000);
    report({ time: 0, frames: 0 });
    report({ time: 1.2, frames: 28_800 });
    expect(playback.position.seconds).toBeCloseTo(0.7);
    expect(playback.position.chunk).toEqual({ start: 0, end: 9 });
    report({ time: 1.6, frames: 38_400 });
    expect(playback.position.chunk).toEqual({ start: 9, end: 20 });
  });

  it("takes from the stream only some seconds more than is heard", async () => {
    start();
    for (let seq = 1; seq <= 30; seq += 1) feed.give(audio(seq, 1, 0, 0, 9));
    await settled();
    expect(feed.taken).toBe(11);
    report({ time: 5, frames: 5 * 24_000 });
    await settled();
    expect(feed.taken).toBe(16);
  });

  it("that is paused before its sound is open stays paused, and goes on", async () => {
    const playback = start();
    playback.pause();
    expect(playback.state).toBe("paused");
    await expect.poll(() => output.told).toEqual(["pause"]);
    playback.resume();
    expect(output.told).toEqual(["pause", "wake", "resume"]);
    expect(playback.state).toBe("waiting");
  });

  it("says that the browser wants a gesture, and when it has it", async () => {
    const playback = start();
    context.state = "suspended";
    feed.give(audio(1, 1, 0, 0, 9));
    await expect.poll(() => playback.waitingFor).toBe("gesture");
    expect(events).toEqual(["waiting"]);
    context.state = "running";
    report({ time: 0.1, frames: 2400 });
    expect([playback.state, playback.waitingFor]).toEqual(["playing", null]);
  });

  it("of a stream that breaks is heard to its end, then fails with the stream's error", async () => {
    const playback = start();
    const error = new SpeechError("NETWORK", "gone");
    feed.give(audio(1, 1, 0, 0, 9));
    feed.fail(error);
    await expect.poll(() => output.told).toEqual(["end"]);
    expect(playback.state).toBe("waiting");
    report({ time: 1, frames: 24_000, state: "drained" });
    await expect(playback.done).rejects.toBe(error);
    expect([playback.state, playback.error]).toEqual(["failed", error]);
  });

  it("of a stream that breaks before any audio fails at once, even if the sound stands still", async () => {
    context.state = "suspended";
    const playback = start();
    feed.fail(new SpeechError("NETWORK", "gone"));
    await expect(playback.done).rejects.toMatchObject({ code: "NETWORK" });
    expect(output.told).toEqual(["stop"]);
  });

  it("of a speech that does not come to be fails, and its sound is closed", async () => {
    const playback = start({ source: Promise.reject(new SpeechError("VOICE_NOT_FOUND", "none")) });
    await expect(playback.done).rejects.toMatchObject({ code: "VOICE_NOT_FOUND" });
    await expect.poll(() => output.told).toEqual(["stop"]);
  });

  it("of a job without audio ends", async () => {
    const playback = start();
    feed.give({ type: "JOB_DONE", job_id: "x" });
    feed.end();
    await playback.done;
    expect(playback.state).toBe("ended");
  });

  it("of a job that is canceled stops", async () => {
    const playback = start();
    feed.give(audio(1, 1, 0, 0, 9), { type: "JOB_CANCELED", job_id: "x" });
    await expect.poll(() => output.told).toContain("stop");
    report({ state: "stopped", frames: 100 });
    await playback.done;
    expect(playback.state).toBe("stopped");
  });

  it("fails when the sound breaks off", async () => {
    const playback = start();
    feed.give(audio(1, 1, 0, 0, 9));
    await expect.poll(() => output.pushed).toBe(24_000);
    failed(new Error("no device"));
    await expect(playback.done).rejects.toMatchObject({ code: "PLAYBACK" });
    expect(feed.left).toBe(true);
  });
});

describe("a sound that is taken away", () => {
  it("is woken by a resume, also when nothing was paused", async () => {
    const playback = start();
    feed.give(audio(1, 1, 0, 0, 9));
    await expect.poll(() => output.pushed).toBe(24_000);
    context.state = "interrupted";
    playback.update();
    expect(playback.waitingFor).toBe("gesture");
    playback.resume();
    expect(output.told).toEqual(["wake"]);
  });

  it("for good is a failure: a context that was closed does not come back", async () => {
    const playback = start();
    feed.give(audio(1, 1, 0, 0, 9));
    await expect.poll(() => output.pushed).toBe(24_000);
    report({ time: 0.1, frames: 2400 });
    context.state = "closed";
    playback.update();
    await expect(playback.done).rejects.toMatchObject({ code: "PLAYBACK" });
    expect([feed.left, output.told]).toEqual([true, ["stop"]]);
  });

  it("before it could be opened is a failure, and the stream is left", async () => {
    unopened = new Error("no device");
    const playback = start();
    await expect(playback.done).rejects.toBe(unopened);
    expect(feed.left).toBe(true);
  });
});

describe("a listener that throws", () => {
  it.each(["state", "event", "position"] as const)(
    "at %s is complained of, and changes nothing for the playback nor for other listeners",
    async (name) => {
      const reported = vi.fn();
      vi.stubGlobal("reportError", reported);
      try {
        const playback = start();
        playback.on(name, () => {
          throw new Error("mine");
        });
        const other = vi.fn();
        playback.on(name, other);
        feed.give(audio(1, 1, 0, 0, 9), { type: "JOB_DONE", job_id: "x" });
        feed.end();
        await expect.poll(() => output.told).toEqual(["end"]);
        report({ time: 0.1, frames: 2400 });
        report({ time: 1, frames: 24_000, state: "drained" });
        await playback.done;
        expect(playback.state).toBe("ended");
        expect(other).toHaveBeenCalledTimes(reported.mock.calls.length);
        expect(reported).toHaveBeenCalledWith(new Error("mine"));
      } finally {
        vi.unstubAllGlobals();
      }
    },
  );

  it("is complained of on the console where there is nothing else", async () => {
    vi.stubGlobal("reportError", undefined);
    const complaints = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      const playback = start();
      playback.on("state", () => {
        throw new Error("mine");
      });
      await playback.stop();
      expect(complaints.mock.calls).toEqual([[new Error("mine")]]);
    } finally {
      complaints.mockRestore();
      vi.unstubAllGlobals();
    }
  });
});

describe("a stop", () => {
  it("leaves the stream, and is over when the sound has faded", async () => {
    const playback = start();
    feed.give(audio(1, 1, 0, 0, 9));
    await expect.poll(() => output.pushed).toBe(24_000);
    report({ time: 0.1, frames: 2400 });
    let over = false;
    const stopping = playback.stop().then(() => {
      over = true;
    });
    await settled();
    expect([feed.left, over, output.told]).toEqual([true, false, ["stop"]]);
    report({ state: "stopped", time: 0.2, frames: 2500 });
    await stopping;
    expect(playback.state).toBe("stopped");
    await playback.stop(); // once more does no harm
  });

  it("does not wait for a sound that stands still", async () => {
    context.state = "suspended";
    const playback = start();
    feed.give(audio(1, 1, 0, 0, 9));
    await expect.poll(() => output.pushed).toBe(24_000);
    await playback.stop();
    expect(playback.state).toBe("stopped");
  });

  it("does not wait for ever for a sound that says nothing", async () => {
    const playback = start();
    feed.give(audio(1, 1, 0, 0, 9));
    await expect.poll(() => output.pushed).toBe(24_000);
    await playback.stop();
    expect(playback.state).toBe("stopped");
  });

  it("before the speech has come closes the sound that comes", async () => {
    const coming = deferred<Feed>();
    const playback = start({ source: coming.promise });
    await playback.stop();
    coming.resolve(feed);
    await expect.poll(() => output.told).toEqual(["stop"]);
    expect(feed.taken).toBe(0);
  });

  it.each(["waiting", "playing"])("may come from who is told that it is %s, and stays", async (state) => {
    const playback = start();
    context.state = "suspended";
    playback.on("state", (now) => {
      if (now === state) void playback.stop();
    });
    feed.give(audio(1, 1, 0, 0, 9));
    if (state === "playing") {
      await expect.poll(() => output.pushed).toBe(24_000);
      context.state = "running";
      report({ time: 0.1, frames: 2400 });
      report({ state: "stopped", time: 0.2, frames: 2500 });
    }
    await playback.done;
    expect(playback.state).toBe("stopped");
    expect(events.at(-1)).toBe("stopped");
  });

  it("may come from who is told the last place", async () => {
    const playback = start();
    playback.on("position", ({ seconds }) => {
      if (seconds === 1) void playback.stop();
    });
    feed.give(audio(1, 1, 0, 0, 9));
    feed.end();
    await expect.poll(() => output.told).toEqual(["end"]);
    context.outputLatency = 0.01;
    report({ time: 0.5, frames: 12_000 });
    report({ time: 1, frames: 24_000, state: "drained" });
    await playback.done;
    expect(events).toEqual(["playing", "stopped"]);
  });

  it("comes at once when the speech is canceled, although more of it was read", async () => {
    const cancel = new AbortController();
    const source = Object.assign(new Feed(), { canceled: cancel.signal });
    const playback = start({ source: Promise.resolve(source) });
    source.give(audio(1, 20, 0, 0, 9));
    await expect.poll(() => output.pushed).toBe(20 * 24_000);
    cancel.abort();
    expect(output.told).toEqual(["stop"]);
    await playback.done;
    expect([playback.state, source.left]).toEqual(["stopped", true]);
  });

  it("before it began does not leave the speech's failure to nobody", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    try {
      const speech = deferred<Feed>();
      const playback = start({ source: speech.promise, signal: AbortSignal.abort() });
      await playback.done;
      speech.reject(new SpeechError("NETWORK", "gone"));
      await settled();
      await settled();
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off("unhandledRejection", unhandled);
    }
  });

  it("comes from an abort too", async () => {
    const abort = new AbortController();
    const playback = start({ signal: abort.signal });
    abort.abort();
    await playback.done;
    expect(playback.state).toBe("stopped");
    const other = start({ signal: AbortSignal.abort() });
    await other.done;
    expect(other.state).toBe("stopped");
  });
});
