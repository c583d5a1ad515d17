// OpenAI's own package for JavaScript, as it is installed, with the engine's address and token and nothing else.

import OpenAI, { APIConnectionError, AuthenticationError, BadRequestError, NotFoundError } from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Engine } from "./engine";

const TEXT = "The tide is out. Take good shoes.";
const MAGIC = { mp3: "ID3", opus: "OggS", aac: "\xff\xf1", flac: "fLaC", wav: "RIFF", pcm: "" };

const PAGE = "https://page.example";

let engine: Engine;
let client: OpenAI;

beforeAll(async () => {
  engine = await Engine.start({ origins: [PAGE] });
  client = new OpenAI({ baseURL: engine.connection.baseUrl, apiKey: engine.token });
});
afterAll(() => engine?.remove());

type Format = keyof typeof MAGIC;

/** The job that a response came from. */
async function jobOf(response: Response): Promise<{ status: string; text: string }> {
  return (await (await engine.ask(`/jobs/${response.headers.get("x-request-id")}`)).json()) as never;
}

it.each(Object.keys(MAGIC) as Format[])("%s", async (response_format) => {
  const speech = await client.audio.speech.create({
    model: "tts-1",
    voice: "alloy",
    input: TEXT,
    response_format,
  });
  const content = Buffer.from(await speech.arrayBuffer()).toString("latin1");
  expect(content.startsWith(MAGIC[response_format])).toBe(true);
  expect(content.length).toBeGreaterThan(5_000);
  expect(await jobOf(speech)).toMatchObject({ status: "completed", lane: "speak" });
});

it("events", async () => {
  const speech = await client.audio.speech.create({
    model: "gpt-4o-mini-tts",
    voice: "nova",
    input: TEXT,
    response_format: "pcm",
    stream_format: "sse",
  });
  const lines = (await speech.text()).split("\n").filter((line) => line.startsWith("data: "));
  const events = lines.map((line) => JSON.parse(line.slice(6)));
  const audio = events.slice(0, -1).map(({ audio }) => Buffer.from(audio, "base64"));
  expect(Buffer.concat(audio).length).toBeGreaterThan(48_000);
  expect(events.at(-1)).toMatchObject({ type: "speech.audio.done", usage: { input_tokens: TEXT.length } });
});

it("models", async () => {
  const ids: string[] = [];
  for await (const model of client.models.list()) ids.push(model.id);
  expect(ids).toEqual(["espeak-ng"]);
});

it("errors are the classes that they should be, and are not tried again", async () => {
  const speak = (fields: object) =>
    client.audio.speech
      .create({ model: "tts-1", voice: "alloy", input: TEXT, ...fields })
      .catch((error) => error);
  const unknown = await speak({ model: "gpt-5" });
  expect(unknown).toBeInstanceOf(NotFoundError);
  expect(unknown).toMatchObject({ code: "model_not_found", param: "model" });
  const fast = await speak({ speed: 4 });
  expect(fast).toBeInstanceOf(BadRequestError);
  expect(fast).toMatchObject({ param: "speed", message: expect.stringContaining("0.5 to 2.0") });
  const stranger = new OpenAI({ baseURL: engine.connection.baseUrl, apiKey: "sk-of-somebody-else" });
  const refused = await stranger.audio.speech
    .create({ model: "tts-1", voice: "alloy", input: TEXT })
    .catch((error) => error);
  expect(refused).toBeInstanceOf(AuthenticationError);
  expect(refused).toMatchObject({ code: "invalid_api_key" });
});

it("a page of an allowed origin may send what the package sends", async () => {
  const sent = new Set<string>();
  const { baseUrl: baseURL, token: apiKey } = engine.connection;
  const watched = new OpenAI({
    baseURL,
    apiKey,
    organization: "ours",
    project: "this",
    fetch: (url, init) => {
      for (const name of new Headers(init?.headers).keys()) sent.add(name);
      return fetch(url, init);
    },
  });
  await watched.audio.speech.create({ model: "tts-1", voice: "alloy", input: TEXT });
  const preflight = await fetch(`${baseURL}/audio/speech`, {
    method: "OPTIONS",
    headers: { Origin: PAGE, "Access-Control-Request-Method": "POST" },
  });
  const allowed = preflight.headers.get("access-control-allow-headers")?.split(", ");
  expect([...sent].filter((name) => name.startsWith("x-stainless-"))).not.toEqual([]);
  expect([...sent].filter((name) => name !== "accept" && !allowed?.includes(name))).toEqual([]);
});

it("leaving in the middle cancels the job", async () => {
  const leaving = new AbortController();
  const input = `${TEXT} `.repeat(20_000);
  const speech = await client.audio.speech.create(
    { model: "tts-1", voice: "alloy", input, response_format: "mp3" },
    { signal: leaving.signal },
  );
  const reader = speech.body?.getReader();
  expect((await reader?.read())?.value?.length).toBeGreaterThan(0);
  leaving.abort();
  while (["queued", "running"].includes((await jobOf(speech)).status)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect((await jobOf(speech)).status).toBe("canceled");
});

it("no engine is an error of the connection", async () => {
  const nowhere = new OpenAI({ baseURL: "http://127.0.0.1:9/v1", apiKey: "none", maxRetries: 0 });
  const asked = nowhere.audio.speech.create({ model: "tts-1", voice: "alloy", input: TEXT });
  await expect(asked).rejects.toBeInstanceOf(APIConnectionError);
});
