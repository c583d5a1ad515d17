import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Browser, launch } from "./chromium";
import { Engine } from "./engine";

const TEXT = "The tide is out 😀. You can walk to the lighthouse.";
const WORDS = "The tide is out You can walk to the lighthouse".split(" ");

let engine: Engine;
let browser: Browser;
let page: Page;
let voice: string;

beforeAll(async () => {
  [engine, browser] = await Promise.all([Engine.start({ origins: [inject("origin")] }), launch()]);
  voice = await engine.voice("en");
});
afterAll(async () => {
  await browser?.close();
  await engine?.remove();
});
beforeEach(async () => {
  page = await browser.open(inject("origin"));
});
afterEach(() => page.close());

/** Speak the text in the page, to its end, and tell what was to be seen. */
function played(asked: { rate?: number; workletUrl?: string } = {}) {
  return page.evaluate(
    async ({ connection, voice, text, rate, workletUrl }) => {
      const client = new window.q3.Client(connection);
      const speech = await client.speak({ voice_id: voice, text });
      const player = new window.q3.Player({
        ...(rate ? { audioContext: new AudioContext({ sampleRate: rate }) } : {}),
        ...(workletUrl ? { workletUrl } : {}),
      });
      const playback = player.play(speech);
      const states: string[] = [];
      const words: string[] = [];
      const seconds: number[] = [];
      playback.on("state", (state) => states.push(state));
      playback.on("position", (position) => {
        const word = position.range ? text.slice(position.range.start, position.range.end) : "";
        if (words[words.length - 1] !== word) words.push(word);
        seconds.push(position.seconds);
      });
      await playback.done;
      const { metrics } = playback;
      return { jobId: speech.jobId, states, words, seconds, metrics };
    },
    { connection: engine.connection, voice, text: TEXT, ...asked },
  );
}

const loudest = (samples: Int16Array) =>
  samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0) / 32768;

it("Vite, with its defaults, leaves the worklet alone as a file of its own", () => {
  expect(inject("assets").filter((name) => /^player\.worklet-.*\.js$/.test(name))).toHaveLength(1);
});

describe.each(["worklet", "scheduled"] as const)("played by the output %s", (kind) => {
  beforeEach(async () => {
    if (kind === "scheduled") await page.evaluate(() => Reflect.deleteProperty(window, "AudioWorkletNode"));
  });

  it.each([undefined, 48_000, 44_100])(
    "a sentence is heard to its last sample, without a gap, word by word; context at %s Hz",
    async (rate) => {
      const seen = await played(rate ? { rate } : {});
      const samples = await engine.samples(seen.jobId);
      expect(seen.metrics.output).toBe(kind);
      expect(seen.metrics.underruns).toBe(0);
      expect(seen.metrics.samplesPlayed).toBe(samples.length);
      // Other rates have samples between those of the file, which may be a little louder.
      expect(Math.abs(seen.metrics.peak - loudest(samples))).toBeLessThan(rate ? 0.05 : 0.0001);
      expect(seen.metrics.firstAudioMs).toBeGreaterThan(0);
      expect(seen.states).toEqual(["playing", "ended"]);
      expect(seen.words).toEqual(WORDS);
      expect(seen.seconds).toEqual(seen.seconds.toSorted((one, other) => one - other));
      expect(seen.seconds.length).toBeGreaterThan(20);
      expect(seen.seconds.at(-1)).toBeCloseTo(samples.length / 24_000, 6);
    },
  );

  it("pauses and resumes where it was, and stops at once", async () => {
    const seen = await page.evaluate(
      async ({ connection, voice, text }) => {
        const client = new window.q3.Client(connection);
        const context = new AudioContext({ sampleRate: 24_000 });
        const player = new window.q3.Player({ audioContext: context });
        const speech = await client.speak({ voice_id: voice, text });
        const playback = player.play(speech);
        const until = (wanted: () => boolean) =>
          new Promise<void>((resolve) => {
            const off = playback.on("position", () => {
              if (wanted()) {
                off();
                resolve();
              }
            });
          });
        /** The sound's own clock, which goes on in silence. */
        const pass = async (seconds: number) => {
          const from = context.currentTime;
          while (context.currentTime < from + seconds) await new Promise(requestAnimationFrame);
        };
        await until(() => playback.position.seconds > 0.4);
        playback.pause();
        const paused = playback.state;
        await pass(0.2);
        const before = playback.metrics.samplesPlayed;
        await pass(0.4);
        const after = playback.metrics.samplesPlayed;
        const word = playback.position.range;
        playback.resume();
        await until(() => playback.position.seconds > 1.2);
        const resumed = playback.state;
        await playback.stop();
        const stopped = playback.metrics.samplesPlayed;
        await pass(0.3);
        await playback.done;
        const { state, metrics } = playback;
        return { paused, before, after, word, resumed, stopped, state, metrics, jobId: speech.jobId };
      },
      { connection: engine.connection, voice, text: TEXT },
    );
    expect([seen.paused, seen.resumed, seen.state]).toEqual(["paused", "playing", "stopped"]);
    expect(seen.before).toBeGreaterThan(0.4 * 24_000);
    expect(seen.after).toBe(seen.before);
    expect(seen.word).not.toBeNull();
    expect(seen.metrics.samplesPlayed).toBe(seen.stopped);
    const samples = await engine.samples(seen.jobId);
    expect(seen.stopped).toBeLessThan(samples.length);
    expect(seen.metrics.underruns).toBe(0);
  });

  it("runs dry when nothing comes, says so, and goes on when more comes", async () => {
    const seen = await page.evaluate(async () => {
      let more: () => void = () => undefined;
      const held = new Promise<void>((resolve) => {
        more = resolve;
      });
      const chunk = { index: 0, range: { start: 0, end: 3 } };
      const audio = (seq: number) => ({
        ...{ type: "AUDIO_CHUNK" as const, job_id: "x", seq, sample_rate: 24_000, chunk },
        samples: Int16Array.from({ length: 12_000 }, (_, at) => 8000 * Math.sin(at / 10)),
      });
      async function* source() {
        yield audio(1);
        await held;
        yield audio(2);
      }
      const playback = new window.q3.Player().play(source(), { text: "One" });
      const states: string[] = [];
      playback.on("state", (state) => {
        states.push(`${state} ${playback.waitingFor}`);
        if (states.length === 2) more();
      });
      await playback.done;
      return { states, metrics: playback.metrics };
    });
    expect(seen.states).toEqual(["playing null", "waiting audio", "playing null", "ended null"]);
    expect(seen.metrics).toMatchObject({ underruns: 1, samplesPlayed: 24_000 });
  });

  it("a second speech silences the first", async () => {
    const seen = await page.evaluate(
      async ({ connection, voice, text }) => {
        const client = new window.q3.Client(connection);
        const player = new window.q3.Player();
        const first = player.play(client.speak({ voice_id: voice, text }));
        await new Promise<void>((resolve) => {
          first.on("position", () => resolve());
        });
        const second = player.play(client.speak({ voice_id: voice, text: "Now." }));
        await Promise.all([first.done, second.done]);
        return [first.state, second.state];
      },
      { connection: engine.connection, voice, text: TEXT },
    );
    expect(seen).toEqual(["stopped", "ended"]);
  });
});

describe("one speech behind another", () => {
  const LONG = Array.from({ length: 4 }, () => "You can walk to the lighthouse.").join(" ");

  it.each(["while the first is playing", "from who is told that the first has ended"])(
    "is heard to its end, beyond the rest after which the sound sleeps: begun %s",
    async (when) => {
      const seen = await page.evaluate(
        async ({ connection, voice, text, early }) => {
          const client = new window.q3.Client(connection);
          const player = new window.q3.Player();
          const next = () => player.play(client.speak({ voice_id: voice, text }));
          const first = player.play(client.speak({ voice_id: voice, text: "Now." }));
          const second = await new Promise<ReturnType<typeof next>>((resolve) => {
            if (early) first.on("position", () => player.current === first && resolve(next()));
            else first.on("state", (state) => state === "ended" && resolve(next()));
          });
          await second.done;
          const { state, position, metrics } = second;
          return { state, seconds: position.seconds, underruns: metrics.underruns };
        },
        { connection: engine.connection, voice, text: LONG, early: when.startsWith("while") },
      );
      expect(seen).toMatchObject({ state: "ended", underruns: 0 });
      expect(seen.seconds).toBeGreaterThan(4);
    },
  );
});

describe("a context that the system takes away", () => {
  function taken(how: "suspend" | "close") {
    return page.evaluate(
      async ({ connection, voice, text, how }) => {
        const contexts: AudioContext[] = [];
        window.AudioContext = class extends AudioContext {
          constructor(options?: AudioContextOptions) {
            super(options);
            contexts.push(this);
          }
        };
        const client = new window.q3.Client(connection);
        const player = new window.q3.Player();
        const playback = player.play(client.speak({ voice_id: voice, text }));
        await new Promise<void>((resolve) => {
          playback.on("position", ({ seconds }) => seconds > 0.3 && resolve());
        });
        await contexts[0]?.[how]();
        const code = await playback.done.then(
          () => null,
          (error) => error.code,
        );
        const again = player.play(client.speak({ voice_id: voice, text: "Now." }));
        await again.done;
        return { state: playback.state, code, again: again.state, contexts: contexts.length };
      },
      { connection: engine.connection, voice, text: TEXT, how },
    );
  }

  it("for a while is brought back, and the speech goes on to its end", async () => {
    expect(await taken("suspend")).toEqual({ state: "ended", code: null, again: "ended", contexts: 1 });
  });

  it("for good ends the speech with an error; the next one is heard", async () => {
    expect(await taken("close")).toEqual({ state: "failed", code: "PLAYBACK", again: "ended", contexts: 2 });
  });
});

it("a speech that is canceled is silent at once", async () => {
  const seen = await page.evaluate(
    async ({ connection, voice, text }) => {
      const client = new window.q3.Client(connection);
      const speech = await client.speak({ voice_id: voice, text });
      const playback = new window.q3.Player().play(speech);
      await new Promise<void>((resolve) => {
        playback.on("position", () => resolve());
      });
      void speech.cancel();
      await playback.done;
      return { state: playback.state, seconds: playback.position.seconds };
    },
    { connection: engine.connection, voice, text: TEXT.repeat(40) },
  );
  expect(seen.state).toBe("stopped");
  expect(seen.seconds).toBeLessThan(3);
});

it("a worklet that cannot be loaded is done without", async () => {
  const seen = await played({ workletUrl: "/there/is/none.js" });
  expect(seen.metrics.output).toBe("scheduled");
  expect(seen.metrics.samplesPlayed).toBe((await engine.samples(seen.jobId)).length);
});

it("an abort stops the sound and ends the stream; the job goes on", async () => {
  const seen = await page.evaluate(
    async ({ connection, voice, text }) => {
      const abort = new AbortController();
      const client = new window.q3.Client(connection);
      const speech = await client.speak({ voice_id: voice, text });
      const playback = new window.q3.Player().play(speech, { signal: abort.signal });
      await new Promise<void>((resolve) => {
        playback.on("position", () => resolve());
      });
      abort.abort();
      await playback.done;
      return { state: playback.state, jobId: speech.jobId };
    },
    { connection: engine.connection, voice, text: TEXT },
  );
  expect(seen.state).toBe("stopped");
  await expect.poll(async () => (await engine.job(seen.jobId)).status).toBe("completed");
});

it("a player that was closed plays again", async () => {
  const seen = await page.evaluate(
    async ({ connection, voice }) => {
      const client = new window.q3.Client(connection);
      const player = new window.q3.Player();
      const states = [];
      for (let turn = 0; turn < 2; turn += 1) {
        const playback = player.play(client.speak({ voice_id: voice, text: "Now." }));
        await playback.done;
        states.push(playback.state, playback.metrics.output);
        await player.close();
      }
      return states;
    },
    { connection: engine.connection, voice },
  );
  expect(seen).toEqual(["ended", "worklet", "ended", "worklet"]);
});

describe("a browser that wants a gesture", () => {
  // Whatever the driver evaluates in a page counts as a gesture: here the page acts by itself, and says what happens.
  async function waiting(
    then: "nothing" | "stop",
  ): Promise<{ strict: Browser; silent: Page; said: string[] }> {
    const strict = await launch({ gesture: true });
    const asked = encodeURIComponent(JSON.stringify({ connection: engine.connection, voice, then }));
    const said: string[] = [];
    const silent = await strict.open(`${inject("origin")}/gesture.html#${asked}`, (text) => {
      if (text.startsWith("q3: ")) said.push(text.slice(4));
    });
    return { strict, silent, said };
  }

  it("gets one: the speech waits, and a click starts it", async () => {
    const { strict, silent, said } = await waiting("nothing");
    try {
      await expect.poll(() => said, { timeout: 20_000 }).toEqual(["waiting gesture 0"]);
      await silent.mouse.click(20, 20);
      await expect.poll(() => said.at(-1), { timeout: 20_000 }).toMatch(/^ended null [1-9]/);
      expect(said.map((line) => line.split(" ")[0])).toEqual(["waiting", "playing", "ended"]);
    } finally {
      await strict.close();
    }
  });

  it("can be left waiting: a stop is a stop, and a failure is said", async () => {
    const { strict, said } = await waiting("stop");
    try {
      await expect
        .poll(() => said, { timeout: 20_000 })
        .toEqual(["waiting gesture 0", "stopped null 0", "failed null 0", "EMPTY_TEXT"]);
    } finally {
      await strict.close();
    }
  });
});
