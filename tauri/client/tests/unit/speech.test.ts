import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, type Connection, type FollowOptions, type StreamEvent } from "../../src/index";
import { audio, BASE, fakeFetch, json, problem, Sockets, TOKEN } from "./fakes";

const JOB = "0a2e0593-e004-4433-937c-28ea2cdcf02b";
const QUICK = { seconds: 0.2, firstWaitSeconds: 0.001, longestWaitSeconds: 0.02 };
const STARTED = { type: "JOB_STARTED", job_id: JOB };
const DONE = { type: "JOB_DONE", job_id: JOB };

let sockets: Sockets;
let health: () => Response | Promise<Response>;
let asked: ReturnType<typeof fakeFetch>["asked"];

beforeEach(() => {
  sockets = new Sockets();
  health = () => json({});
});

function client(renew?: () => Promise<Connection>): Client {
  const fake = fakeFetch(() => health());
  asked = fake.asked;
  return new Client({
    baseUrl: BASE,
    token: TOKEN,
    fetch: fake.fetch,
    WebSocket: sockets.maker,
    ...(renew ? { renew } : {}),
  });
}

function follow(options: FollowOptions = {}, renew?: () => Promise<Connection>) {
  const speech = client(renew).follow(JOB, { patience: QUICK, ...options });
  const events: StreamEvent[] = [];
  const reading = (async () => {
    for await (const event of speech) events.push(event);
  })();
  reading.catch(() => undefined);
  const numbers = () => events.flatMap((event) => (event.type === "AUDIO_CHUNK" ? [event.seq] : []));
  return { speech, events, reading, numbers };
}

describe("a stream", () => {
  it("is opened with the token as a subprotocol, in binary, from the beginning", async () => {
    const { reading } = follow();
    const socket = await sockets.at(0);
    expect(socket.url.href).toBe(`ws://127.0.0.1:4000/v1/stream/${JOB}?format=binary&after_seq=0`);
    expect(socket.protocols).toEqual(["q3tts.v1", `bearer.${TOKEN}`]);
    expect(socket.binaryType).toBe("arraybuffer");
    socket.opens().says(DONE);
    await reading;
    expect(socket.closedByClient).toBe(true);
  });

  it("is not opened before somebody reads", async () => {
    const speech = client().follow(JOB);
    await new Promise((resolve) => setTimeout(resolve));
    expect(sockets.made).toEqual([]);
    const next = speech[Symbol.asyncIterator]().next();
    (await sockets.at(0)).opens().says(STARTED);
    expect(await next).toEqual({ done: false, value: STARTED });
  });

  it("hands out events in their order, places in UTF-16, and ends with the last one", async () => {
    const { events, reading } = follow({ text: "😀 tide" });
    (await sockets.at(0))
      .opens()
      .says(STARTED)
      .says(audio(1, [5, -6], [0, 2, 6]))
      .says({ type: "NEW" })
      .says(DONE);
    await reading;
    expect(events).toEqual([
      STARTED,
      {
        type: "AUDIO_CHUNK",
        job_id: JOB,
        seq: 1,
        samples: Int16Array.of(5, -6),
        sample_rate: 24_000,
        chunk: { index: 0, range: { start: 3, end: 7 } },
      },
      DONE,
    ]);
  });

  it("without the text tells no places, rather than wrong ones", async () => {
    const { events, reading } = follow();
    (await sockets.at(0)).opens().says(audio(1)).says(DONE);
    await reading;
    expect(events[0]).toMatchObject({ chunk: { index: 0, range: null } });
  });

  it("of a job that was canceled ends with that", async () => {
    const { events, reading } = follow();
    (await sockets.at(0)).opens().says({ type: "JOB_CANCELED", job_id: JOB });
    await reading;
    expect(events).toEqual([{ type: "JOB_CANCELED", job_id: JOB }]);
  });

  it("of a job that failed hands out what there was, then throws the job's error", async () => {
    const { reading, numbers } = follow();
    const error = { code: "INFERENCE_FAILED", message: "no", details: { reason: "lost" } };
    (await sockets.at(0)).opens().says(audio(1)).says({ type: "JOB_ERROR", job_id: JOB, error });
    await expect(reading).rejects.toMatchObject({ name: "SpeechError", ...error });
    expect(numbers()).toEqual([1]);
  });

  it("can be read once, by one reader", async () => {
    const { speech, reading } = follow();
    (await sockets.at(0)).opens().says(DONE);
    await reading;
    expect(() => speech[Symbol.asyncIterator]()).toThrow(/once/);
  });
});

describe("a connection that is lost", () => {
  it.each([1006, 1012, 4408, 1001, 1005])(
    "with code %i is made again behind the last number",
    async (code) => {
      const { speech, reading, numbers } = follow();
      (await sockets.at(0)).opens().says(STARTED).says(audio(1)).says(audio(2)).closes(code);
      const second = await sockets.at(1);
      expect(second.url.searchParams.get("after_seq")).toBe("2");
      second.opens().says(audio(3)).says(DONE);
      await reading;
      expect(numbers()).toEqual([1, 2, 3]);
      expect(speech.reconnects).toBe(1);
    },
  );

  it("before the first audio says only once that the job started", async () => {
    const { events, reading } = follow();
    (await sockets.at(0)).opens().says(STARTED).closes(1006);
    (await sockets.at(1)).opens().says(STARTED).says(DONE);
    await reading;
    expect(events).toEqual([STARTED, DONE]);
  });

  it("again and again is made again as long as something comes", async () => {
    const { reading, numbers } = follow();
    for (let seq = 1; seq <= 40; seq += 1) (await sockets.at(seq - 1)).opens().says(audio(seq)).closes(1006);
    (await sockets.at(40)).opens().says(DONE);
    await reading;
    expect(numbers()).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
  });

  it("is given up with NETWORK when nothing comes for long enough", async () => {
    const { reading } = follow();
    let tries = 0;
    const closing = (async () => {
      for (;;) {
        (await sockets.at(tries)).opens().closes(1006);
        tries += 1;
      }
    })();
    closing.catch(() => undefined);
    await expect(reading).rejects.toMatchObject({ code: "NETWORK" });
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(40);
  });

  it("is not listened to any more", async () => {
    const { reading, numbers } = follow();
    const first = (await sockets.at(0)).opens().says(audio(1));
    first.closes(1006);
    const second = (await sockets.at(1)).opens();
    first.says(audio(2, 3)).says(DONE);
    second.says(audio(2)).says(DONE);
    await reading;
    expect(numbers()).toEqual([1, 2]);
  });
});

describe("numbers that do not follow each other are a failure", () => {
  it.each([
    ["a gap", [1, 3]],
    ["twice the same", [1, 1]],
    ["not from the first", [2]],
  ])("%s", async (_, numbers) => {
    const { reading } = follow();
    const socket = (await sockets.at(0)).opens();
    for (const seq of numbers) socket.says(audio(seq));
    await expect(reading).rejects.toMatchObject({ code: "PROTOCOL" });
    expect(socket.closedByClient).toBe(true);
  });

  it("behind the number that was asked for", async () => {
    const { reading, numbers } = follow({ afterSeq: 7 });
    const socket = await sockets.at(0);
    expect(socket.url.searchParams.get("after_seq")).toBe("7");
    socket.opens().says(audio(8)).says(DONE);
    await reading;
    expect(numbers()).toEqual([8]);
  });
});

describe("a connection that cannot be", () => {
  it("because there is no such job says so", async () => {
    const { reading } = follow();
    (await sockets.at(0)).opens().closes(4404, "JOB_NOT_FOUND");
    await expect(reading).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  it("because the engine cannot follow the job says the engine's code", async () => {
    const { reading } = follow();
    (await sockets.at(0)).opens().closes(1011, "STORAGE_FAILED");
    await expect(reading).rejects.toMatchObject({ code: "STORAGE_FAILED" });
  });

  it.each([
    [401, "UNAUTHORIZED"],
    [403, "FORBIDDEN"],
  ])("because the handshake is refused with %i says why, and is not tried again", async (status, code) => {
    health = () => problem(status, code);
    const { reading } = follow();
    (await sockets.at(0)).closes(1006);
    await expect(reading).rejects.toMatchObject({ code, status });
    expect(asked.map(({ url }) => url.pathname)).toEqual(["/v1/health"]);
    expect(sockets.made.length).toBe(1);
  });

  it("because nobody is there is tried for a while, then NETWORK", async () => {
    health = () => Promise.reject(new TypeError("refused"));
    const { reading } = follow();
    void (async () => {
      for (let at = 0; ; at += 1) (await sockets.at(at)).closes(1006);
    })();
    await expect(reading).rejects.toMatchObject({ code: "NETWORK" });
    expect(sockets.made.length).toBeGreaterThan(2);
  });

  it("because the engine was started anew goes on with the new one, behind the last number", async () => {
    const other = { baseUrl: "http://127.0.0.1:5000/v1", token: "c".repeat(64) };
    let gone = true;
    health = () => (gone ? Promise.reject(new TypeError("refused")) : json({}));
    const { reading, numbers } = follow({}, async () => {
      gone = false;
      return other;
    });
    (await sockets.at(0)).opens().says(audio(1)).closes(1012, "ENGINE_STOPS");
    (await sockets.at(1)).closes(1006);
    const third = await sockets.at(2);
    expect(third.url.host).toBe("127.0.0.1:5000");
    expect(third.protocols[1]).toBe(`bearer.${other.token}`);
    third.opens().says(audio(2)).says(DONE);
    await reading;
    expect(numbers()).toEqual([1, 2]);
  });

  it("because there is no WebSocket says that", async () => {
    const fake = fakeFetch(() => json({}));
    const without = new Client({
      baseUrl: BASE,
      token: TOKEN,
      fetch: fake.fetch,
      WebSocket: undefined as never,
    });
    const { WebSocket } = globalThis;
    Reflect.deleteProperty(globalThis, "WebSocket");
    try {
      const next = without.follow(JOB)[Symbol.asyncIterator]().next();
      await expect(next).rejects.toMatchObject({ code: "UNSUPPORTED" });
    } finally {
      if (WebSocket) globalThis.WebSocket = WebSocket;
    }
  });
});

describe("a connection that is renewed", () => {
  const down = () => Promise.reject(new TypeError("down"));
  const closeAll = async () => {
    for (let at = 0; ; at += 1) (await sockets.at(at)).closes(1006);
  };

  it("to another dead one each time is given up after a while", async () => {
    health = down;
    let port = 5000;
    const { reading } = follow({}, async () => {
      port += 1;
      return { baseUrl: `http://127.0.0.1:${port}/v1`, token: TOKEN };
    });
    void closeAll();
    await expect(reading).rejects.toMatchObject({ code: "NETWORK", cause: { code: "NETWORK" } });
    expect(port).toBeLessThan(5100);
  });

  it("to another one is tried at once, and again after a success", async () => {
    health = down;
    let port = 5000;
    const { reading, numbers } = follow({ patience: { seconds: 0.5 } }, async () => {
      port += 1;
      return { baseUrl: `http://127.0.0.1:${port}/v1`, token: TOKEN };
    });
    (await sockets.at(0)).closes(1006);
    (await sockets.at(1)).opens().says(audio(1)).closes(1006);
    (await sockets.at(2)).closes(1006);
    (await sockets.at(3)).opens().says(audio(2)).says(DONE);
    await reading;
    expect(numbers()).toEqual([1, 2]);
    expect(port).toBe(5002);
  });

  it("by somebody who says with a code that there is none is given up at once", async () => {
    health = down;
    const cause = { code: "STOPPED", message: "The engine was stopped." };
    const renew = vi.fn(() => Promise.reject(cause));
    const { reading } = follow({ patience: { seconds: 60 } }, renew);
    (await sockets.at(0)).closes(1006);
    await expect(reading).rejects.toMatchObject({ code: "NETWORK", cause });
    expect(renew).toHaveBeenCalledTimes(1);
  });

  it("by somebody who only fails is tried for a while, and the last failure is the cause", async () => {
    health = down;
    const { reading } = follow({}, () => Promise.reject(new Error("not yet")));
    void closeAll();
    await expect(reading).rejects.toMatchObject({
      code: "NETWORK",
      cause: { code: "NETWORK", cause: { message: "not yet" } },
    });
    expect(sockets.made.length).toBeGreaterThan(2);
  });
});

describe("an engine that hangs", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    ["in the handshake", () => json({})],
    ["in the handshake and over HTTP", () => new Promise<Response>(() => undefined)],
  ])("%s is given up: each try has its limit, and all of them together", async (_, answer) => {
    health = answer;
    const failed = vi.fn();
    follow({ patience: undefined }).reading.catch(failed);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: "NETWORK" }));
    expect(sockets.made.every(({ closedByClient }) => closedByClient)).toBe(true);
  });
});

describe("what cannot be followed is refused at the door", () => {
  it.each([-1, 1.5, Number.NaN, "3"])("afterSeq: %j", (afterSeq) => {
    expect(() => client().follow(JOB, { afterSeq: afterSeq as number })).toThrow(
      /afterSeq is .*whole number/,
    );
  });

  it.each(["", undefined])("an id: %j", (id) => {
    expect(() => client().follow(id as string)).toThrow(/the job's id/);
  });
});

describe("a handshake that is refused by an engine in good health", () => {
  it("is explained by the job: there is none", async () => {
    const fake = fakeFetch(({ url }) =>
      url.pathname.endsWith("/health") ? json({}) : problem(404, "JOB_NOT_FOUND"),
    );
    const options = { baseUrl: BASE, token: TOKEN, fetch: fake.fetch, WebSocket: sockets.maker };
    const next = new Client(options).follow(JOB)[Symbol.asyncIterator]().next();
    (await sockets.at(0)).closes(1006);
    await expect(next).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  it("is tried again for a while if there is nothing wrong with the job, which is asked for once", async () => {
    const { reading } = follow();
    void (async () => {
      for (let at = 0; ; at += 1) (await sockets.at(at)).closes(1006);
    })();
    await expect(reading).rejects.toMatchObject({
      code: "NETWORK",
      cause: { message: expect.stringContaining("no WebSocket") },
    });
    expect(asked.filter(({ url }) => url.pathname === `/v1/jobs/${JOB}`).length).toBe(1);
    expect(sockets.made.length).toBeGreaterThan(2);
  });
});

it("a WebSocket that cannot be made does not tell the token", async () => {
  const maker = function make(_url: string, protocols: string[]) {
    throw new DOMException(`The subprotocol '${protocols[1]}' is invalid.`, "SyntaxError");
  } as never;
  const { fetch } = fakeFetch(() => json({}));
  const broken = new Client({ baseUrl: BASE, token: TOKEN, fetch, WebSocket: maker });
  const error = await broken
    .follow(JOB)
    [Symbol.asyncIterator]()
    .next()
    .catch((caught) => caught);
  expect(error).toMatchObject({ code: "UNSUPPORTED", message: expect.stringContaining("SyntaxError") });
  expect([error.message, error.stack, String(error.cause)].join()).not.toContain(TOKEN);
});

describe("a reader", () => {
  it("that leaves knows the number that it has read, not what has come", async () => {
    const speech = client().follow(JOB, { afterSeq: 4 });
    expect(speech.lastSeq).toBe(4);
    const iterator = speech[Symbol.asyncIterator]();
    const next = iterator.next();
    (await sockets.at(0)).opens().says(audio(5)).says(audio(6)).says(audio(7));
    await next;
    expect(speech.lastSeq).toBe(5);
    await iterator.return?.();
    expect(speech.lastSeq).toBe(5);
  });

  it("that cancels reads no more of what has come, even if the engine does not answer", async () => {
    health = () => new Promise(() => undefined);
    const speech = client().follow(JOB);
    const iterator = speech[Symbol.asyncIterator]();
    const next = iterator.next();
    const socket = (await sockets.at(0)).opens();
    for (let seq = 1; seq <= 50; seq += 1) socket.says(audio(seq));
    await next;
    void speech.cancel();
    expect([socket.closedByClient, speech.canceled.aborted]).toEqual([true, true]);
    expect(await iterator.next()).toEqual({ done: false, value: { type: "JOB_CANCELED", job_id: JOB } });
    expect((await iterator.next()).done).toBe(true);
  });

  it("that cancels before it reads opens nothing, and behind the end hears nothing", async () => {
    const { speech, events, reading } = follow();
    (await sockets.at(0)).opens().says(DONE);
    await reading;
    await speech.cancel();
    expect(events).toEqual([DONE]);
    const other = client().follow(JOB);
    await other.cancel();
    const read: StreamEvent[] = [];
    for await (const event of other) read.push(event);
    expect(read).toEqual([{ type: "JOB_CANCELED", job_id: JOB }]);
    expect(sockets.made.length).toBe(1);
  });

  it("that aborts gets the reason at once, and the socket is closed", async () => {
    const abort = new AbortController();
    const { reading, numbers } = follow({ signal: abort.signal });
    const socket = (await sockets.at(0)).opens().says(audio(1));
    await expect.poll(numbers).toEqual([1]);
    abort.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    expect(socket.closedByClient).toBe(true);
    expect(asked).toEqual([]); // the job is not canceled
  });

  it("that had aborted before opens nothing", async () => {
    const { reading } = follow({ signal: AbortSignal.abort() });
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    expect(sockets.made).toEqual([]);
  });

  it("that aborts while a lost connection is waited for gets the reason", async () => {
    const abort = new AbortController();
    const patience = { seconds: 9999, firstWaitSeconds: 9999, longestWaitSeconds: 9999 };
    const { reading } = follow({ signal: abort.signal, patience });
    (await sockets.at(0)).opens().closes(1006);
    (await sockets.at(1)).opens().closes(1006);
    await new Promise((resolve) => setTimeout(resolve));
    abort.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
  });

  it("that leaves its loop closes the socket", async () => {
    const speech = client().follow(JOB);
    const leaving = (async () => {
      for await (const _ of speech) break;
    })();
    const socket = (await sockets.at(0)).opens().says(STARTED);
    await leaving;
    expect(socket.closedByClient).toBe(true);
  });

  it("that stops waiting in the middle is let go", async () => {
    const iterator = client().follow(JOB)[Symbol.asyncIterator]();
    const next = iterator.next();
    const socket = await sockets.at(0);
    await iterator.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(socket.closedByClient).toBe(true);
  });

  it("that cancels cancels the job, and says whether it was in time", async () => {
    health = () => json({ canceled: false });
    const { speech } = follow();
    expect(await speech.cancel()).toBe(false);
    expect(asked.map(({ method, url, body }) => [method, url.pathname, body])).toEqual([
      ["POST", "/v1/cancel", { job_id: JOB }],
    ]);
  });
});

describe("a reader that is slower than the engine", () => {
  const second = 24_000;

  it("has a bounded queue: the socket is closed when it is full, and made again when half of it was read", async () => {
    const speech = client().follow(JOB, { bufferSeconds: 4 });
    const iterator = speech[Symbol.asyncIterator]();
    const first = iterator.next();
    const socket = (await sockets.at(0)).opens().says(STARTED);
    await first;
    for (let seq = 1; seq <= 5; seq += 1) socket.says(audio(seq, second));
    expect(socket.closedByClient).toBe(true);
    expect(socket.onmessage).toBeNull(); // what else was on its way is not heard
    const read: number[] = [];
    const take = async () => {
      const { value } = await iterator.next();
      if (value?.type === "AUDIO_CHUNK") read.push(value.seq);
    };
    await take();
    await take();
    await new Promise((resolve) => setTimeout(resolve));
    expect(sockets.made.length).toBe(1); // three seconds are left
    await take();
    const again = await sockets.at(1);
    expect(again.url.searchParams.get("after_seq")).toBe("5");
    again.opens().says(audio(6)).says(DONE);
    await take();
    await take();
    await take();
    expect(read).toEqual([1, 2, 3, 4, 5, 6]);
    expect(speech.reconnects).toBe(0);
    expect(await iterator.next()).toEqual({ done: false, value: DONE });
    expect((await iterator.next()).done).toBe(true);
  });

  it("can abort while the queue is full", async () => {
    const abort = new AbortController();
    const speech = client().follow(JOB, { bufferSeconds: 1, signal: abort.signal });
    const iterator = speech[Symbol.asyncIterator]();
    const first = iterator.next();
    (await sockets.at(0)).opens().says(audio(1, second)).says(audio(2, second)).says(audio(3, second));
    await first;
    abort.abort(new Error("enough"));
    await expect(iterator.next()).rejects.toThrow("enough");
    expect((await iterator.next()).done).toBe(true);
  });
});
