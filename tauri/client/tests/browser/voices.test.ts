// Voices of a Qwen3-TTS checkpoint with random weights: the real model code, no real voice.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type Browser, launch } from "./chromium";
import { Engine, python } from "./engine";

const PATIENCE_MS = 180_000;

let folder: string;
let engine: Engine;
let browser: Browser;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "q3tts-models-"));
  for (const [name, type] of [
    ["base", "base"],
    ["design", "voice_design"],
  ] as const) {
    python("-m", "app.selftest.checkpoint", join(folder, name), "--type", type);
  }
  engine = await Engine.start({ origins: [inject("origin")], modelsDir: folder });
  // What the microphone hears: a voice that speaks all the time.
  const recording = join(folder, "microphone.wav");
  const body = JSON.stringify({
    voice_id: await engine.voice("en"),
    text: "I speak without a pause ".repeat(6),
  });
  const { job_id } = await (await engine.ask("/jobs", { method: "POST", body })).json();
  writeFileSync(recording, await engine.file(job_id));
  browser = await launch({
    flags: [
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      `--use-file-for-fake-audio-capture=${recording}`,
    ],
  });
}, PATIENCE_MS);
afterAll(async () => {
  await browser?.close();
  await engine?.remove();
  rmSync(folder, { recursive: true, force: true });
});

it(
  "a voice is made of what the microphone heard, listed, previewed, spoken with, and deleted",
  async () => {
    const page = await browser.open(inject("origin"));
    const seen = await page.evaluate(async (connection) => {
      const client = new window.q3.Client(connection);
      const { state } = await client.models.activate("base");
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const recorder = new MediaRecorder(stream);
      const parts: Blob[] = [];
      recorder.ondataavailable = ({ data }) => {
        if (parts.push(data) === 30) recorder.stop();
      };
      const stopped = new Promise((resolve) => {
        recorder.onstop = resolve;
      });
      recorder.start(100);
      await stopped;
      for (const track of stream.getTracks()) track.stop();
      const recorded = new Blob(parts, { type: recorder.mimeType });
      const wav = await window.q3.toWav(recorded);
      const refused = await client.voices
        .clone({ display_name: "Me", ref_audio: recorded, ref_text: "I speak without a pause" })
        .catch((error) => error.code);
      const { voice_id } = await client.voices.clone({
        display_name: "Me",
        ref_audio: wav,
        ref_text: "I speak without a pause I speak",
        language: "en",
      });
      const voice = await client.voices.get(voice_id);
      const listed = (await client.voices.list({ kind: "clone" })).map((one) => one.voice_id);
      const preview = await client.voices.preview(voice_id);
      const speech = await client.speak({ voice_id, text: "Now." });
      let samples = 0;
      for await (const event of speech) if (event.type === "AUDIO_CHUNK") samples += event.samples.length;
      await client.voices.delete(voice_id);
      const gone = await client.voices.get(voice_id).catch((error) => error.code);
      const found = { kind: voice.kind, model: voice.tts_model_id, name: voice.display_name };
      return {
        state,
        refused,
        found,
        listed: listed.includes(voice_id),
        preview: preview.size,
        samples,
        gone,
      };
    }, engine.connection);
    expect(seen).toMatchObject({
      state: "active",
      refused: "INVALID_AUDIO",
      found: { kind: "clone", model: "base", name: "Me" },
      listed: true,
      gone: "VOICE_NOT_FOUND",
    });
    expect(seen.preview).toBeGreaterThan(1000);
    expect(seen.samples).toBeGreaterThan(1000);
  },
  PATIENCE_MS,
);

it(
  "a voice is made of a description, and what cannot be transcribed is said",
  async () => {
    const page = await browser.open(inject("origin"));
    const seen = await page.evaluate(async (connection) => {
      const client = new window.q3.Client(connection);
      await client.models.activate("design");
      const made = await client.voices.design({ display_name: "Old man", description: "a deep voice" });
      const silence = window.q3.wavOf(new Float32Array(48_000), 24_000);
      const code = (error: { code: string }) => error.code;
      const silent = await client.voices.transcribe({ ref_audio: silence }).catch(code);
      const busy = await client.models.delete("design").catch(code);
      await client.models.unload("design");
      const models = await client.models.list();
      return {
        name: made.display_name,
        silent,
        busy,
        loaded: models.map((one) => [one.model_id, one.loaded]),
      };
    }, engine.connection);
    expect(seen).toMatchObject({ name: "Old man", silent: "INVALID_AUDIO", busy: "WRONG_STATE" });
    expect(seen.loaded).toContainEqual(["design", false]);
  },
  PATIENCE_MS,
);
