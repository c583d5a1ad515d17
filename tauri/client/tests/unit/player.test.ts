// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Player, type PlayerOptions, type Source, type StreamEvent } from "../../src/index";
import { FakeContext } from "./fake-context";
import { deferred } from "./fakes";

let made: FakeContext[];
let allowed: boolean;

beforeEach(() => {
  vi.useFakeTimers();
  made = [];
  allowed = true;
  const Made = class extends FakeContext {
    constructor() {
      super();
      this.allowed = allowed;
      made.push(this);
    }
  };
  vi.stubGlobal("AudioContext", Made);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const event: StreamEvent = {
  type: "AUDIO_CHUNK",
  job_id: "x",
  seq: 1,
  samples: new Int16Array(9 * 24_000),
  sample_rate: 24_000,
  chunk: { index: 0, range: null },
};

/** Nine seconds of audio; then more may come, unless it is over. */
function speech(over = false): Source {
  return {
    async *[Symbol.asyncIterator]() {
      yield event;
      if (!over) await deferred<never>().promise;
    },
  };
}

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(1000 * seconds);
const click = () => document.dispatchEvent(new Event("pointerdown"));
const first = () => made[0] as FakeContext;

async function playing(options?: PlayerOptions) {
  const player = new Player(options);
  const playback = player.play(speech());
  await pass(0.1);
  expect(playback.state).toBe("playing");
  return { player, playback };
}

describe("the context", () => {
  it("sleeps after a rest", async () => {
    const { playback } = await playing();
    void playback.stop();
    await pass(2);
    expect(first().state).toBe("running");
    await pass(2);
    expect(first().state).toBe("suspended");
  });

  it("does not sleep under the speech that took another's place", async () => {
    const { player } = await playing();
    const second = player.play(speech());
    await pass(10);
    expect([first().state, second.state, made.length]).toEqual(["running", "playing", 1]);
  });

  it("does not sleep under a speech that begins when another has ended", async () => {
    const player = new Player();
    const one = player.play(speech(true));
    let other: unknown;
    one.on("state", (state) => {
      if (state === "ended") other = player.play(speech());
    });
    await pass(0.1);
    first().currentTime = 10;
    await pass(10);
    expect(one.state).toBe("ended");
    expect(player.current).toBe(other);
    expect([first().state, player.current?.state]).toEqual(["running", "playing"]);
  });

  it.each(["suspended", "interrupted"])("that the system has %s is brought back", async (state) => {
    const { playback } = await playing();
    first().becomes(state);
    expect(first().state).toBe("running");
    expect(playback.state).toBe("playing");
  });

  it("that does not come back by itself comes with a click, or a resume", async () => {
    const { playback } = await playing();
    first().allowed = false;
    first().becomes("interrupted");
    await pass(0.1);
    expect([playback.state, playback.waitingFor]).toEqual(["waiting", "gesture"]);
    first().allowed = true;
    click();
    expect([first().state, playback.state]).toEqual(["running", "playing"]);
    first().allowed = false;
    first().becomes("suspended");
    await pass(0.1);
    first().allowed = true;
    playback.resume();
    expect(playback.state).toBe("playing");
  });

  it("that was closed is a failure, and the next speech gets another", async () => {
    const { player, playback } = await playing();
    await first().close();
    await expect(playback.done).rejects.toMatchObject({ code: "PLAYBACK" });
    player.play(speech());
    expect(made.length).toBe(2);
  });

  it("that nobody needs any more is not woken by a click", async () => {
    allowed = false;
    const player = new Player();
    const playback = player.play(speech());
    await pass(0.1);
    await playback.stop();
    await pass(0);
    const before = first().resumes;
    click();
    expect(first().resumes).toBe(before);
  });

  it("of your own is woken, and neither suspended nor closed", async () => {
    const own = new FakeContext();
    const { player, playback } = await playing({ audioContext: own as unknown as AudioContext });
    void playback.stop();
    await pass(10);
    await player.close();
    expect([own.state, made.length]).toEqual(["running", 0]);
  });
});

describe("a player that is closed", () => {
  it("gives the device back", async () => {
    const { player, playback } = await playing();
    void player.close();
    await pass(1);
    expect([first().state, playback.state]).toEqual(["closed", "stopped"]);
  });

  it("does not take the sound of a speech that comes meanwhile", async () => {
    const { player } = await playing();
    first().currentTime = 0.1;
    const closing = player.close();
    const other = player.play(speech());
    await pass(1);
    await closing;
    expect(first().state).toBe("closed");
    expect([made.length, made[1]?.state, other.state]).toEqual([2, "running", "playing"]);
  });
});

describe("a start from who is told of a stop", () => {
  it("is the one that is heard", async () => {
    const { player, playback } = await playing();
    let inner: unknown;
    playback.on("state", (state) => {
      if (state === "stopped") inner = player.play(speech());
    });
    const outer = player.play(speech());
    await pass(1);
    expect(player.current).toBe(inner);
    expect([outer.state, player.current?.state]).toEqual(["stopped", "playing"]);
  });
});

describe("how much has to be there before the sound begins", () => {
  it.each([0, -1, 0.02])("is something, also if %s is asked for", async (prebufferSeconds) => {
    await playing({ prebufferSeconds });
  });

  it.each([9, Number.POSITIVE_INFINITY])(
    "is five seconds at most, also if %s is",
    async (prebufferSeconds) => {
      const short: Source = {
        async *[Symbol.asyncIterator]() {
          yield { ...event, samples: new Int16Array(6 * 24_000) };
          await deferred<never>().promise;
        },
      };
      const playback = new Player({ prebufferSeconds }).play(short);
      await pass(0.1);
      expect(playback.state).toBe("playing");
    },
  );

  it("is a number", () => {
    expect(() => new Player({ prebufferSeconds: Number.NaN })).toThrow(/from 0.02 to 5/);
  });
});
