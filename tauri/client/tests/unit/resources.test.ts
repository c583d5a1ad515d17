import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Client } from "../../src/index";
import { base64 } from "../../src/recording";
import { BASE, fakeFetch, json, problem, type Request, TOKEN } from "./fakes";

const root = join(import.meta.dirname, "..", "..");
const ID = "0a2e0593-e004-4433-937c-28ea2cdcf02b";

/** What the engine's document has: `GET /jobs/{job_id}`. */
function routesOfTheSchema(): Set<string> {
  const schema = readFileSync(join(root, "src", "schema.ts"), "utf8");
  const paths = schema.slice(
    schema.indexOf("export interface paths"),
    schema.indexOf("export type webhooks"),
  );
  const routes = new Set<string>();
  let path = "";
  for (const line of paths.split("\n")) {
    path = /^ {4}"\/v1(.*)": \{$/.exec(line)?.[1] ?? path;
    const method = /^ {8}(\w+): operations/.exec(line)?.[1];
    if (method) routes.add(`${method.toUpperCase()} ${path}`);
  }
  return routes;
}

function client(answer: (request: Request) => Response = () => json({})): {
  client: Client;
  asked: Request[];
} {
  const { fetch, asked } = fakeFetch(answer);
  return { client: new Client({ baseUrl: BASE, token: TOKEN, fetch }), asked };
}

it("the client can ask for every route that the engine has, and for no other but the document itself", async () => {
  const { client: c, asked } = client(({ url }) =>
    json(url.pathname.endsWith("/chunks") ? { chunks: [], next_start: null } : { job_id: ID }),
  );
  const speech = await c.speak({ voice_id: ID, text: "a" });
  const request = { voice_id: ID, text: "a" };
  const ref_audio = { path: "/a.wav" };
  await Promise.all([
    speech.cancel(),
    c.health(),
    c.metrics(),
    c.openapi(),
    c.voices.list(),
    c.voices.get(ID),
    c.voices.preview(ID),
    c.voices.clone({ display_name: "a", ref_audio }),
    c.voices.transcribe({ ref_audio }),
    c.voices.design({ display_name: "a", description: "b" }),
    c.voices.rename(ID, "a"),
    c.voices.delete(ID),
    c.models.list(),
    c.models.get("m"),
    c.models.download("m"),
    c.models.cancel("m"),
    c.models.check("m"),
    c.models.activate("m"),
    c.models.unload("m"),
    c.models.delete("m"),
    c.jobs.submit(request),
    c.jobs.put(ID, request),
    c.jobs.list(),
    c.jobs.stats(),
    c.jobs.export({ format: "csv" }),
    c.jobs.count({ status: ["failed"] }),
    c.jobs.deleteAll({ all: true }, 3),
    c.jobs.prune({ keep_days: 30, dry_run: true }),
    c.jobs.get(ID),
    c.jobs.text(ID),
    c.jobs.chunks(ID),
    c.jobs.artifacts(ID),
    c.jobs.audio(ID),
    c.jobs.audioBytes(ID),
    c.jobs.link(ID),
    c.jobs.cancel(ID),
    c.jobs.pause(ID),
    c.jobs.resume(ID),
    c.jobs.retry(ID),
    c.jobs.delete(ID),
  ]);
  const called = new Set(
    asked.map(({ method, url }) => {
      const path = url.pathname.replace("/v1", "").replace(/\/models\/m\b/, "/models/{model_id}");
      return `${method} ${path.replace(ID, path.startsWith("/voices") ? "{voice_id}" : "{job_id}")}`;
    }),
  );
  called.delete("GET /openapi.json");
  // Those in OpenAI's shape are for OpenAI's own clients.
  const routes = new Set([...routesOfTheSchema()].filter((route) => !route.includes(" /audio/")));
  expect(routes.size).toBeGreaterThan(25);
  expect([...called].sort()).toEqual([...routes].sort());
});

it("the codes of errors are those of docs/http.md", () => {
  const docs = readFileSync(join(root, "..", "..", "docs", "http.md"), "utf8");
  const table = docs.slice(docs.indexOf("## Errors"), docs.indexOf("## Speak"));
  const documented = [...table.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  const source = readFileSync(join(root, "src", "errors.ts"), "utf8");
  const union = source.slice(source.indexOf("export type EngineCode"), source.indexOf(";"));
  const typed = [...union.matchAll(/"([A-Z_]+)"/g)].map(([, code]) => code);
  expect(typed.sort()).toEqual(documented.sort());
});

describe("jobs", () => {
  it("are submitted with a key, which is yours or a new one", async () => {
    const { client: c, asked } = client();
    const request = { voice_id: ID, text: "a" };
    await c.jobs.submit(request, { idempotencyKey: "mine" });
    await c.jobs.submit(request);
    await c.jobs.submit(request);
    const keys = asked.map(({ headers }) => headers.get("Idempotency-Key"));
    expect(keys[0]).toBe("mine");
    expect(new Set(keys).size).toBe(3);
    expect(asked[0]?.body).toEqual(request);
  });

  it("are all of them, page by page, and no page more than you read", async () => {
    const pages: Record<string, unknown> = {
      "": { jobs: [{ job_id: "1" }, { job_id: "2" }], next_cursor: "x" },
      x: { jobs: [{ job_id: "3" }], next_cursor: "y" },
      y: { jobs: [], next_cursor: null },
    };
    const { client: c, asked } = client(({ url }) => json(pages[url.searchParams.get("cursor") ?? ""]));
    const found: string[] = [];
    for await (const { job_id } of c.jobs.all({ status: ["queued", "running"], limit: 2 }))
      found.push(job_id);
    expect(found).toEqual(["1", "2", "3"]);
    expect(asked.map(({ url }) => url.search)).toEqual([
      "?status=queued&status=running&limit=2",
      "?status=queued&status=running&limit=2&cursor=x",
      "?status=queued&status=running&limit=2&cursor=y",
    ]);
    for await (const _ of c.jobs.all()) break;
    expect(asked.length).toBe(4);
  });

  it("have chunks that are told in UTF-16 when the text is given", async () => {
    const chunk = { chunk_index: 0, start_char: 1, end_char: 3 };
    const { client: c } = client(() => json({ chunks: [chunk], next_start: null }));
    const { chunks } = await c.jobs.chunks(ID, { text: "😀😀a" });
    expect(chunks[0]).toMatchObject({ start_char: 2, end_char: 5 });
    expect((await c.jobs.chunks(ID)).chunks[0]).toMatchObject({ start_char: 1, end_char: 3 });
  });

  it("have audio as a Blob, of its length, and the audio so far", async () => {
    const { client: c, asked } = client(({ method }) =>
      method === "HEAD"
        ? new Response(null, { headers: { "Content-Length": "44" } })
        : new Response("RIFF", { headers: { "Content-Type": "audio/wav" } }),
    );
    const blob = await c.jobs.audio(ID);
    expect([blob.type, await blob.text()]).toEqual(["audio/wav", "RIFF"]);
    await c.jobs.audio(ID, { partial: true });
    expect(asked.map(({ url }) => url.search)).toEqual(["", "?partial=true"]);
    expect(await c.jobs.audioBytes(ID)).toBe(44);
  });

  it.each([
    [404, "JOB_NOT_FOUND"],
    [409, "JOB_NOT_COMPLETED"],
    [401, "UNAUTHORIZED"],
    [502, "PROTOCOL"],
  ])("without audio yet have no length: a HEAD that is refused with %i says %s", async (status, code) => {
    const { client: c } = client(() => new Response(null, { status }));
    await expect(c.jobs.audioBytes(ID)).rejects.toMatchObject({ code, status });
  });

  it("have a length also when the connection has to be renewed for it", async () => {
    const renewed = "b".repeat(64);
    const { fetch } = fakeFetch(({ headers }) =>
      headers.get("Authorization") === `Bearer ${renewed}`
        ? new Response(null, { headers: { "Content-Length": "44" } })
        : new Response(null, { status: 401 }),
    );
    const renew = async () => ({ baseUrl: BASE, token: renewed });
    expect(await new Client({ baseUrl: BASE, token: TOKEN, fetch, renew }).jobs.audioBytes(ID)).toBe(44);
  });

  it("with strange ids ask for nothing else", async () => {
    const { client: c, asked } = client();
    await c.jobs.get("../models");
    expect(asked[0]?.url.pathname).toBe("/v1/jobs/..%2Fmodels");
  });
});

describe("a recording", () => {
  const bytes = Uint8Array.from({ length: 100_001 }, (_, at) => at * 7);
  const wanted = Buffer.from(bytes).toString("base64");

  it.each([
    ["a Blob", new Blob([bytes])],
    ["a File", new File([bytes], "me.wav")],
    ["an ArrayBuffer", bytes.buffer],
    [
      "a view of a part of one",
      new Uint8Array(Buffer.concat([Buffer.from("xx"), bytes]).buffer.slice(0)).subarray(0),
    ],
  ])("is sent as base64: %s", async (name, ref_audio) => {
    const { client: c, asked } = client();
    const part = name.startsWith("a view")
      ? new Uint8Array([9, 9, ...bytes, 9]).subarray(2, 2 + bytes.length)
      : ref_audio;
    await c.voices.clone({ display_name: "Me", ref_audio: part, ref_text: "hi" });
    expect(asked[0]?.body).toEqual({ display_name: "Me", ref_text: "hi", ref_audio: { wav_base64: wanted } });
  });

  it("is a path of the engine's machine", async () => {
    const { client: c, asked } = client();
    await c.voices.transcribe({ ref_audio: { path: "/a.flac" } });
    expect(asked[0]?.body).toEqual({ ref_audio: { path: "/a.flac" } });
  });

  it("that is too large is not sent", async () => {
    const { client: c, asked } = client();
    const ref_audio = new Blob([new Uint8Array(20_000_001)]);
    await expect(c.voices.clone({ display_name: "a", ref_audio })).rejects.toMatchObject({
      code: "TOO_LARGE",
    });
    expect(asked).toEqual([]);
  });

  it.each([0, 1, 2, 3, 3 * 8192, 3 * 8192 + 1])("of %i bytes is encoded without a seam", (length) => {
    const some = bytes.slice(0, length);
    expect(base64(some)).toBe(Buffer.from(some).toString("base64"));
  });
});

describe("speaking", () => {
  it("that is aborted before the engine has answered cancels the job that comes", async () => {
    const abort = new AbortController();
    const { client: c, asked } = client(({ url }) => {
      if (url.pathname.endsWith("/speak")) abort.abort();
      return json({ job_id: ID, canceled: true });
    });
    await expect(c.speak({ voice_id: ID, text: "a" }, { signal: abort.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    await expect
      .poll(() => asked.map(({ url, body }) => [url.pathname, body]))
      .toContainEqual(["/v1/cancel", { job_id: ID }]);
  });

  it("that is refused rejects", async () => {
    const { client: c } = client(() => problem(400, "EMPTY_TEXT"));
    const signal = new AbortController().signal;
    await expect(c.speak({ voice_id: ID, text: " " }, { signal })).rejects.toMatchObject({
      code: "EMPTY_TEXT",
    });
  });
});
