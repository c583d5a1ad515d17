import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Browser, launch } from "./chromium";
import { Engine } from "./engine";
import { CuttingProxy } from "./proxy";

const SENTENCE = "The tide is out 😀, and you can walk to the lighthouse, if you take good shoes. ";
const QUICK = { seconds: 1, firstWaitSeconds: 0.02, longestWaitSeconds: 0.2 };

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

describe("what the engine sends is what the types say", () => {
  /** The messages of a job as they come, without the client. */
  function raw(jobId: string, format: string) {
    return page.evaluate(
      ({ baseUrl, token, jobId, format }) =>
        new Promise<{ protocol: string; messages: (string | number[])[]; close: [number, string] }>(
          (resolve) => {
            const url = `${baseUrl.replace("http", "ws")}/stream/${jobId}?format=${format}`;
            const socket = new WebSocket(url, ["q3tts.v1", `bearer.${token}`]);
            socket.binaryType = "arraybuffer";
            const messages: (string | number[])[] = [];
            socket.onmessage = ({ data }) =>
              messages.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
            socket.onclose = ({ code, reason }) =>
              resolve({ protocol: socket.protocol, messages, close: [code, reason] });
          },
        ),
      { ...engine.connection, jobId, format },
    );
  }

  async function speak(text: string): Promise<string> {
    const body = JSON.stringify({ voice_id: voice, text, settings: { chunking: { max_chars: 100 } } });
    return (await (await engine.ask("/speak", { method: "POST", body })).json()).job_id;
  }

  it("in JSON: every event has the fields of its type, and no other", async () => {
    const job_id = await speak(SENTENCE.repeat(3));
    const { messages, close, protocol } = await raw(job_id, "json");
    expect(protocol).toBe("q3tts.v1");
    expect(close).toEqual([1000, ""]);
    const events = messages.map((message) => JSON.parse(message as string));
    const types = events.map(({ type }) => type);
    expect(types[0]).toBe("JOB_STARTED");
    expect(types.at(-1)).toBe("JOB_DONE");
    expect(new Set(types)).toEqual(new Set(["JOB_STARTED", "AUDIO_CHUNK", "JOB_PROGRESS", "JOB_DONE"]));
    const any = (kind: unknown) => expect.any(kind as never);
    const number = any(Number);
    const shapes: Record<string, unknown> = {
      JOB_STARTED: { type: "JOB_STARTED", job_id },
      AUDIO_CHUNK: {
        type: "AUDIO_CHUNK",
        job_id,
        seq: number,
        audio: { data_base64: any(String), format: "pcm_s16le", sample_rate: 24_000, channels: 1 },
        text_range: { chunk_index: number, start_char: number, end_char: number },
      },
      JOB_PROGRESS: {
        type: "JOB_PROGRESS",
        job_id,
        progress: {
          chunks_done: number,
          chunks_total: number,
          characters_done: number,
          characters_total: number,
          audio_seconds: number,
          work_seconds: number,
          real_time_factor: number,
          seconds_left: number,
          queue_position: null,
        },
      },
      JOB_DONE: { type: "JOB_DONE", job_id },
    };
    for (const event of events) expect(event).toEqual(shapes[event.type]);
  });

  it("in binary: a head of 24 bytes, then the same samples", async () => {
    const jobId = await speak(SENTENCE.repeat(2));
    await expect.poll(async () => (await engine.job(jobId)).status).toBe("completed");
    const [text, binary] = [await raw(jobId, "json"), await raw(jobId, "binary")];
    const events = text.messages
      .map((one) => JSON.parse(one as string))
      .filter(({ type }) => type === "AUDIO_CHUNK");
    const blocks = binary.messages.filter((one) => typeof one !== "string").map((one) => Buffer.from(one));
    expect(blocks.length).toBe(events.length);
    blocks.forEach((block, at) => {
      const { seq, audio, text_range: range } = events[at];
      expect(block.toString("latin1", 0, 4)).toBe("Q3A1");
      const numbers = [4, 8, 12, 16, 20].map((place) => block.readUInt32LE(place));
      expect(numbers).toEqual([seq, range.chunk_index, range.start_char, range.end_char, audio.sample_rate]);
      expect(block.subarray(24).equals(Buffer.from(audio.data_base64, "base64"))).toBe(true);
    });
  });

  it("of a job that was canceled, and of one that is not there", async () => {
    const job_id = await speak(SENTENCE.repeat(2000));
    await engine.ask("/cancel", { method: "POST", body: JSON.stringify({ job_id }) });
    const canceled = await raw(job_id, "json");
    expect(JSON.parse(canceled.messages.at(-1) as string)).toEqual({ type: "JOB_CANCELED", job_id });
    const missing = await raw("00000000-0000-4000-8000-000000000000", "json");
    expect(missing.close).toEqual([4404, "JOB_NOT_FOUND"]);
  });
});

/** Speak in the page and collect everything; `port` may be a proxy's. */
function collected(port: number, text: string, options: object = {}) {
  return page.evaluate(
    async ({ token, port, voice, text, options }) => {
      const client = new window.q3.Client({ baseUrl: `http://127.0.0.1:${port}/v1`, token });
      const speech = await client.speak({ voice_id: voice, text }, options);
      const samples: Int16Array[] = [];
      const numbers: number[] = [];
      const stretches: string[] = [];
      for await (const event of speech) {
        if (event.type !== "AUDIO_CHUNK") continue;
        samples.push(event.samples);
        numbers.push(event.seq);
        const { index, range } = event.chunk;
        stretches[index] = range ? text.slice(range.start, range.end) : "";
      }
      const hash = await window.sha256(samples);
      return { jobId: speech.jobId, reconnects: speech.reconnects, hash, numbers, stretches };
    },
    { token: engine.token, port, voice, text, options },
  );
}

describe("a stream in the page", () => {
  it("has the samples of the job's file, and the text's stretches in UTF-16", async () => {
    const text = SENTENCE.repeat(20);
    const seen = await collected(engine.port, text);
    expect(seen.hash).toBe(await engine.sha256(seen.jobId));
    expect(seen.numbers).toEqual(seen.numbers.map((_, at) => at + 1));
    expect(seen.stretches.join("")).toBe(text);
    expect(seen.reconnects).toBe(0);
  });

  it("that is cut in the middle, again and again, has the same samples", async () => {
    const lengths = [10, 400, 60_000, 250, 100_000, 200_000];
    const proxy = await CuttingProxy.start(engine.port, () => lengths.shift());
    try {
      const seen = await collected(proxy.port, SENTENCE.repeat(20), { patience: QUICK });
      expect(proxy.cuts).toBe(6);
      expect(seen.reconnects).toBe(6);
      expect(seen.numbers).toEqual(seen.numbers.map((_, at) => at + 1));
      expect(seen.hash).toBe(await engine.sha256(seen.jobId));
    } finally {
      await proxy.close();
    }
  });

  it("that is read with a small queue has the same samples", async () => {
    const seen = await collected(engine.port, SENTENCE.repeat(20), { bufferSeconds: 2 });
    expect(seen.numbers).toEqual(seen.numbers.map((_, at) => at + 1));
    expect(seen.hash).toBe(await engine.sha256(seen.jobId));
  });

  it("ends when the job is canceled", async () => {
    const seen = await page.evaluate(
      async ({ connection, voice, text }) => {
        const client = new window.q3.Client(connection);
        const speech = await client.speak({ voice_id: voice, text });
        const types = new Set<string>();
        let canceled = false;
        let last = "";
        for await (const event of speech) {
          if (event.type === "AUDIO_CHUNK" && event.seq === 3) canceled = await speech.cancel();
          types.add(event.type);
          last = event.type;
        }
        return { jobId: speech.jobId, canceled, last };
      },
      { connection: engine.connection, voice, text: SENTENCE.repeat(5000) },
    );
    expect(seen).toMatchObject({ canceled: true, last: "JOB_CANCELED" });
    expect((await engine.job(seen.jobId)).status).toBe("canceled");
  });

  it("of all jobs tells of one that is submitted", async () => {
    const seen = await page.evaluate(
      async ({ connection, voice }) => {
        const client = new window.q3.Client(connection);
        const types: string[] = [];
        let jobId = "";
        for await (const event of client.events()) {
          types.push(event.type);
          if (event.type === "CONNECTED")
            jobId = (await client.jobs.submit({ voice_id: voice, text: "Now." })).job_id;
          if (event.type === "JOB_DONE" && event.job_id === jobId) break;
        }
        const blob = await client.jobs.audio(jobId);
        return { types, size: blob.size, type: blob.type, bytes: await client.jobs.audioBytes(jobId) };
      },
      { connection: engine.connection, voice },
    );
    expect(seen.types.slice(0, 2)).toEqual(["CONNECTED", "JOB_STARTED"]);
    expect(seen.size).toBe(seen.bytes);
    expect(seen.size).toBeGreaterThan(10_000);
    expect(seen.type).toBe("audio/wav");
  });
});

describe("who may not", () => {
  it("because of the token is told so, over HTTP and over the stream", async () => {
    const codes = await page.evaluate(async ({ baseUrl }) => {
      const client = new window.q3.Client({ baseUrl, token: "a-token-of-another-engine" });
      const code = (error: { code: string; status: number }) => `${error.code} ${error.status}`;
      const following = client.follow("0a2e0593-e004-4433-937c-28ea2cdcf02b")[Symbol.asyncIterator]().next();
      const events = client.events()[Symbol.asyncIterator]();
      return await Promise.all([
        client.health().catch(code),
        following.catch(code),
        events.next().catch(code),
      ]);
    }, engine.connection);
    expect(codes).toEqual(["UNAUTHORIZED 401", "UNAUTHORIZED 401", "UNAUTHORIZED 401"]);
  });

  it("because of the origin is told that this is the reason", async () => {
    const elsewhere = inject("origin").replace("127.0.0.1", "localhost");
    const stranger = await browser.open(elsewhere);
    const errors = await stranger.evaluate(
      async ({ connection, patience }) => {
        const client = new window.q3.Client(connection);
        const speech = client.follow("0a2e0593-e004-4433-937c-28ea2cdcf02b", { patience });
        const said = (error: Error & { code: string }) => `${error.code} ${error.message}`;
        const next = speech[Symbol.asyncIterator]().next();
        return await Promise.all([client.health().catch(said), next.catch(said)]);
      },
      { connection: engine.connection, patience: QUICK },
    );
    await stranger.close();
    for (const error of errors) {
      expect(error).toMatch(/^FORBIDDEN /);
      expect(error).toContain("this Origin is not allowed");
    }
  });

  it("because there is no such job is told so", async () => {
    const code = await page.evaluate(
      (connection) =>
        new window.q3.Client(connection)
          .follow("00000000-0000-4000-8000-000000000000")
          [Symbol.asyncIterator]()
          .next()
          .catch((error) => error.code),
      engine.connection,
    );
    expect(code).toBe("JOB_NOT_FOUND");
  });
});
