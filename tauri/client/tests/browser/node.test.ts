// The package as it is published, in Node.

import { Client, SpeechError } from "q3tts-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Engine } from "./engine";

let engine: Engine;
let client: Client;

beforeAll(async () => {
  engine = await Engine.start({ origins: [] });
  client = new Client(engine.connection);
});
afterAll(() => engine?.remove());

it("a text becomes a file, its history is found, and it is forgotten", async () => {
  const { active_model_id, capabilities } = await client.health();
  expect([active_model_id, capabilities.supports_voice_clone]).toEqual(["espeak-ng", false]);
  const [voice] = await client.voices.list({ language: "en" });
  const text = "😀 The tide is out. You can walk to the lighthouse.";
  const request = { voice_id: voice?.voice_id ?? "", text, title: "Tide", tags: ["sea"], seed: 7 };
  const { job_id } = await client.jobs.submit(request, { idempotencyKey: "once" });
  expect((await client.jobs.submit(request, { idempotencyKey: "once" })).job_id).toBe(job_id);
  const expected = await engine.file(job_id);
  const audio = await client.jobs.audio(job_id);
  expect(Buffer.from(await audio.arrayBuffer()).equals(expected)).toBe(true);
  expect(await client.jobs.audioBytes(job_id)).toBe(expected.length);
  expect(await client.jobs.artifacts(job_id)).toMatchObject([{ format: "wav", bytes: expected.length }]);
  const { chunks } = await client.jobs.chunks(job_id, { text });
  expect([chunks[0]?.start_char, chunks.at(-1)?.end_char]).toEqual([0, text.length]);
  const found: string[] = [];
  for await (const job of client.jobs.all({ tag: "sea", status: ["completed"], limit: 1 }))
    found.push(job.job_id);
  expect(found).toEqual([job_id]);
  await client.jobs.delete(job_id);
  await expect(client.jobs.get(job_id)).rejects.toMatchObject({ code: "JOB_NOT_FOUND", status: 404 });
});

it("what the engine refuses has the engine's code and details", async () => {
  const error = await client.jobs.list({ limit: 1000 }).catch((caught) => caught);
  expect(error).toBeInstanceOf(SpeechError);
  expect(error).toMatchObject({ code: "INVALID_REQUEST", status: 400 });
  expect(error.details.fields).toHaveLength(1);
  const strange = { voice_id: "00000000-0000-4000-8000-000000000000", text: "a" };
  await expect(client.speak(strange)).rejects.toMatchObject({ code: "VOICE_NOT_FOUND" });
});

it("the engine's document is the one that the types were made from", async () => {
  const { paths } = await client.openapi();
  expect(Object.keys(paths as object)).toContain("/v1/speak");
});

it.skipIf("WebSocket" in globalThis)("a stream says what this Node lacks", async () => {
  const next = client.follow("00000000-0000-4000-8000-000000000000")[Symbol.asyncIterator]().next();
  await expect(next).rejects.toMatchObject({ code: "UNSUPPORTED" });
});
