import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it } from "vitest";
import { type Browser, launch } from "./chromium";
import { Engine } from "./engine";

const TEXT = "The tide is out, and you can walk to the lighthouse, if you take good shoes. ".repeat(30);
const QUICK = { seconds: 1, firstWaitSeconds: 0.02, longestWaitSeconds: 0.2 };

let engine: Engine;
let browser: Browser;
let page: Page;
let voice: string;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  engine = await Engine.start({ origins: [inject("origin")] });
  voice = await engine.voice("en");
  page = await browser.open(inject("origin"));
});
afterEach(async () => {
  await page.close();
  await engine.remove();
});

it("an engine that is killed in the middle is a clear error, after what was spoken was heard", async () => {
  await page.exposeFunction("kill", () => engine.kill());
  const seen = await page.evaluate(
    async ({ connection, voice, text, patience }) => {
      const client = new window.q3.Client(connection);
      const speech = await client.speak({ voice_id: voice, text }, { bufferSeconds: 1, patience });
      const playback = new window.q3.Player().play(speech);
      await new Promise<void>((resolve) => {
        playback.on("position", () => resolve());
      });
      await (window as unknown as { kill(): Promise<void> }).kill();
      const error = await playback.done.catch((caught) => caught);
      const { seconds } = playback.position;
      const said = await client.health().catch((caught) => caught.code);
      return { state: playback.state, code: error.code, message: error.message, seconds, said };
    },
    { connection: engine.connection, voice, text: TEXT, patience: QUICK },
  );
  expect(seen).toMatchObject({ state: "failed", code: "NETWORK", said: "NETWORK" });
  expect(seen.message).toContain(`The engine at ${engine.connection.baseUrl} does not answer`);
  expect(seen.seconds).toBeGreaterThan(1);
});

it("an engine that is started anew, elsewhere and with another token, goes on with the same samples", async () => {
  let next: Engine | null = null;
  await page.exposeFunction("restart", async () => {
    await engine.stop();
    next = await Engine.start({ origins: [inject("origin")], dataDir: engine.dataDir });
    engine = next;
  });
  await page.exposeFunction("renew", () => next?.connection);
  const seen = await page.evaluate(
    async ({ connection, voice, text }) => {
      const { restart, renew } = window as unknown as {
        restart(): Promise<void>;
        renew(): Promise<{ baseUrl: string; token: string }>;
      };
      const client = new window.q3.Client({ ...connection, renew });
      const { job_id } = await client.jobs.submit({ voice_id: voice, text });
      const samples: Int16Array[] = [];
      const numbers: number[] = [];
      for await (const event of client.follow(job_id, { bufferSeconds: 1 })) {
        if (event.type !== "AUDIO_CHUNK") continue;
        samples.push(event.samples);
        numbers.push(event.seq);
        if (event.seq === 2) await restart();
      }
      const { status } = await client.jobs.get(job_id);
      const hash = await window.sha256(samples);
      return { job_id, status, hash, numbers, connection: client.connection };
    },
    { connection: engine.connection, voice, text: TEXT },
  );
  expect(seen.connection).toEqual(engine.connection);
  expect(seen.status).toBe("completed");
  expect(seen.numbers).toEqual(seen.numbers.map((_, at) => at + 1));
  expect(seen.hash).toBe(await engine.sha256(seen.job_id));
});

it("an engine that is stopped while it speaks to a listener says so, and the next request finds the new one", async () => {
  const old = engine;
  const folder = old.dataDir;
  let next: Engine | null = null;
  await page.exposeFunction("restart", async () => {
    await old.stop();
    next = await Engine.start({ origins: [inject("origin")], dataDir: folder });
    engine = next;
  });
  await page.exposeFunction("renew", () => next?.connection);
  const seen = await page.evaluate(
    async ({ connection, voice, text }) => {
      const { restart, renew } = window as unknown as {
        restart(): Promise<void>;
        renew(): Promise<{ baseUrl: string; token: string }>;
      };
      const client = new window.q3.Client({ ...connection, renew });
      const speech = await client.speak({ voice_id: voice, text: text.repeat(200) }, { bufferSeconds: 1 });
      let code = "";
      try {
        for await (const event of speech) {
          if (event.type === "AUDIO_CHUNK" && event.seq === 2) await restart();
        }
      } catch (error) {
        code = (error as { code: string }).code;
      }
      const again = await client.speak({ voice_id: voice, text: "Now." });
      const types: string[] = [];
      for await (const { type } of again) types.push(type);
      const { baseUrl, token } = client.connection;
      const raw = await new Promise<string>((resolve) => {
        const url = `${baseUrl.replace("http", "ws")}/stream/${speech.jobId}?format=binary`;
        const socket = new WebSocket(url, ["q3tts.v1", `bearer.${token}`]);
        let last = "";
        socket.onmessage = ({ data }) => {
          last = typeof data === "string" ? data : last;
        };
        socket.onclose = () => resolve(last);
      });
      return { code, last: types.at(-1), jobId: speech.jobId, raw: JSON.parse(raw) };
    },
    { connection: engine.connection, voice, text: TEXT },
  );
  expect(seen).toMatchObject({ code: "ENGINE_RESTARTED", last: "JOB_DONE" });
  // The shape of the one event that a healthy engine does not send.
  const error = { code: "ENGINE_RESTARTED", message: expect.any(String), details: {} };
  expect(seen.raw).toEqual({ type: "JOB_ERROR", job_id: seen.jobId, error });
});
