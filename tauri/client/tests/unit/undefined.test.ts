// Callers whose compiler tells `undefined` from what is left out (`exactOptionalPropertyTypes`) may pass either. The
// compiler looks at this file, so most of the test is that it is accepted.

import { expect, it } from "vitest";
import { Client, Player, type SpeakRequest } from "../../src/index";
import type { useSpeech } from "../../src/react";
import { BASE, fakeFetch, json, TOKEN } from "./fakes";

it("what may be left out may be undefined, and is left out then", async () => {
  const { fetch, asked } = fakeFetch(() => json({ job_id: "x", jobs: [], voices: [], chunks: [] }));
  const client = new Client({ baseUrl: BASE, token: TOKEN, fetch, WebSocket: undefined, renew: undefined });
  const request: SpeakRequest = {
    text: "a",
    voice_id: "v",
    language: undefined,
    settings: { rate: undefined },
  };
  const signal = undefined;
  await client.speak(request, { signal, bufferSeconds: undefined, patience: { seconds: undefined } });
  const followed = { afterSeq: undefined, text: undefined, bufferSeconds: undefined, patience: undefined };
  expect(client.follow("x", followed).lastSeq).toBe(0);
  await client.jobs.submit({ ...request, title: undefined, tags: undefined }, { idempotencyKey: undefined });
  await client.jobs.put("x", { ...request, seed: undefined }, { signal });
  await client.jobs.list({ status: undefined, limit: undefined }, { signal });
  await client.jobs.chunks("x", { text: undefined, start: undefined, signal });
  await client.jobs.audio("x", { partial: undefined, signal });
  await client.voices.list({ language: undefined });
  await client.voices.design({ display_name: "a", description: "b", language: undefined });
  await client.voices.clone({ display_name: "a", ref_audio: { path: "/a" }, ref_text: undefined });
  expect(asked[0]?.body).toEqual({ text: "a", voice_id: "v", settings: {} });
  expect(asked.map(({ url }) => url.search).join("")).not.toContain("undefined");
  expect(client.events({ signal, patience: undefined })).toBeDefined();
  new Player({ workletUrl: undefined, audioContext: undefined, prebufferSeconds: undefined });
  const hook: Parameters<typeof useSpeech> = [{ player: undefined }];
  expect(hook.length).toBe(1);
});

it("patience that is undefined is the usual one", async () => {
  const { fetch } = fakeFetch(() => json({}));
  const tries: string[] = [];
  const maker = function make(url: string) {
    tries.push(url);
    const socket: { onclose: ((event: object) => void) | null; close(): void } = {
      onclose: null,
      close() {},
    };
    queueMicrotask(() => socket.onclose?.({ code: 1006, reason: "" }));
    return socket;
  } as never;
  const client = new Client({ baseUrl: BASE, token: TOKEN, fetch, WebSocket: maker });
  const patience = { seconds: 0.3, firstWaitSeconds: undefined, longestWaitSeconds: undefined };
  const next = client.follow("x", { patience })[Symbol.asyncIterator]().next();
  await expect(next).rejects.toMatchObject({ code: "NETWORK" });
  expect(tries.length).toBeGreaterThan(1);
});
