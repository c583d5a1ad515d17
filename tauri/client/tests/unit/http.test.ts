import { describe, expect, it, vi } from "vitest";
import { Client, isAbort, SpeechError } from "../../src/index";
import { BASE, deferred, fakeFetch, json, problem, TOKEN } from "./fakes";

const HEALTH = { engine_version: "0.1.0" };
const OTHER = { baseUrl: "http://127.0.0.1:5000/v1", token: "b".repeat(64) };
const gone = () => Promise.reject(new TypeError("fetch failed"));

describe("a request", () => {
  it("carries the token, and nothing of it in the address", async () => {
    const { fetch, asked } = fakeFetch(() => json(HEALTH));
    await new Client({ baseUrl: BASE, token: TOKEN, fetch }).health();
    expect(asked[0]?.url.href).toBe(`${BASE}/health`);
    expect(asked[0]?.headers.get("Authorization")).toBe(`Bearer ${TOKEN}`);
  });

  it("that the engine refuses rejects with the engine's own code, words, status and details", async () => {
    const { fetch } = fakeFetch(() => problem(404, "VOICE_NOT_FOUND", { voice_id: "x" }));
    const error = await new Client({ baseUrl: BASE, token: TOKEN, fetch }).voices
      .get("x")
      .catch((caught) => caught);
    expect(error).toBeInstanceOf(SpeechError);
    expect(error).toMatchObject({
      code: "VOICE_NOT_FOUND",
      status: 404,
      details: { voice_id: "x" },
      message: "said by the engine: VOICE_NOT_FOUND",
    });
  });

  it("that gets no answer rejects with NETWORK and says where it went", async () => {
    const { fetch } = fakeFetch(gone);
    const error = await new Client({ baseUrl: BASE, token: TOKEN, fetch }).health().catch((caught) => caught);
    expect(error).toMatchObject({ code: "NETWORK", status: null, details: { base_url: BASE } });
    expect(error.message).toContain(BASE);
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it.each([
    ["a refusal in another shape", () => new Response("<html>", { status: 502 })],
    ["an answer that is no JSON", () => new Response("hello", { status: 200 })],
  ])("that something else answers rejects with PROTOCOL: %s", async (_, answer) => {
    const { fetch } = fakeFetch(answer);
    await expect(new Client({ baseUrl: BASE, token: TOKEN, fetch }).health()).rejects.toMatchObject({
      code: "PROTOCOL",
    });
  });

  it("that is aborted rejects with the reason, which is no SpeechError", async () => {
    const { fetch } = fakeFetch(() => deferred<Response>().promise);
    const abort = new AbortController();
    const asking = new Client({ baseUrl: BASE, token: TOKEN, fetch }).health({ signal: abort.signal });
    abort.abort();
    const error = await asking.catch((caught) => caught);
    expect(isAbort(error)).toBe(true);
    expect(error).not.toBeInstanceOf(SpeechError);
    expect(isAbort(new SpeechError("NETWORK", ""))).toBe(false);
  });

  it("has whole characters only: half of one is sent as U+FFFD, so that offsets stay", async () => {
    const { fetch, asked } = fakeFetch(() => json({ job_id: "x" }));
    const text = "a\uD83D b\uDE00 \u{1F600} \\ud83d";
    await new Client({ baseUrl: BASE, token: TOKEN, fetch }).speak({ voice_id: "v", text });
    expect(asked[0]?.body).toEqual({ voice_id: "v", text: "a\uFFFD b\uFFFD \u{1F600} \\ud83d" });
  });

  it("for the health of an engine that hangs is given up after ten seconds", async () => {
    vi.useFakeTimers();
    try {
      const { fetch } = fakeFetch(() => deferred<Response>().promise);
      const asking = new Client({ baseUrl: BASE, token: TOKEN, fetch }).health().catch((error) => error);
      await vi.advanceTimersByTimeAsync(11_000);
      expect(await asking).toMatchObject({ code: "NETWORK", cause: { message: /within 10 s/ } });
    } finally {
      vi.useRealTimers();
    }
  });

  it("that was aborted before is not sent", async () => {
    const { fetch, asked } = fakeFetch(() => json(HEALTH));
    const client = new Client({ baseUrl: BASE, token: TOKEN, fetch });
    await expect(client.health({ signal: AbortSignal.abort("mine") })).rejects.toBe("mine");
    expect(asked).toEqual([]);
  });
});

describe("an address or a token that cannot be right", () => {
  it.each(["", "http://127.0.0.1:1", "ws://127.0.0.1:1/v1", "127.0.0.1/v1"])(
    "is refused at once: %j",
    (baseUrl) => {
      expect(() => new Client({ baseUrl, token: TOKEN })).toThrow(/it has to be like/);
    },
  );

  it.each([undefined, "", "  ", "a b", "sécret-sécret", "secret/secret==", 'sec"ret', "secret\nsecret"])(
    "a token that is not one too, without quoting it: %j",
    (token) => {
      const error = (() => {
        try {
          return new Client({ baseUrl: BASE, token: token as string });
        } catch (caught) {
          return caught as SpeechError;
        }
      })();
      expect(error).toMatchObject({ code: "INVALID_REQUEST", message: expect.stringContaining("token") });
      if (token?.trim()) expect(String((error as SpeechError).message)).not.toContain(token);
    },
  );

  it("but white space around them does no harm, as when they were read from a file", () => {
    const { connection } = new Client({ baseUrl: ` ${BASE}`, token: `${TOKEN}\n` });
    expect(connection).toEqual({ baseUrl: BASE, token: TOKEN });
  });

  it("an empty token too; a slash at the end of the address does no harm", () => {
    expect(() => new Client({ baseUrl: BASE, token: "" })).toThrow(/token is empty/);
    expect(new Client({ baseUrl: `${BASE}/`, token: TOKEN }).connection.baseUrl).toBe(BASE);
  });
});

describe("a connection that is refused", () => {
  const engine = () =>
    fakeFetch((request) => {
      if (request.url.port === "4000") return gone();
      return request.headers.get("Authorization") === `Bearer ${OTHER.token}`
        ? json(HEALTH)
        : problem(401, "UNAUTHORIZED");
    });

  it("is renewed, and the request is sent once more", async () => {
    const { fetch, asked } = engine();
    const client = new Client({ baseUrl: BASE, token: TOKEN, fetch, renew: async () => OTHER });
    await expect(client.health()).resolves.toEqual(HEALTH);
    expect(asked.map(({ url }) => url.port)).toEqual(["4000", "5000"]);
    expect(client.connection).toEqual(OTHER);
    await client.health();
    expect(asked.length).toBe(3);
  });

  it("because of its token is renewed too", async () => {
    const { fetch } = engine();
    const client = new Client({ baseUrl: OTHER.baseUrl, token: TOKEN, fetch, renew: async () => OTHER });
    await expect(client.health()).resolves.toEqual(HEALTH);
  });

  it("is asked for once by all who fail together", async () => {
    const { fetch } = engine();
    const coming = deferred<typeof OTHER>();
    const renew = vi.fn(() => coming.promise);
    const client = new Client({ baseUrl: BASE, token: TOKEN, fetch, renew });
    const asking = [client.health(), client.health(), client.health()];
    await vi.waitFor(() => expect(renew).toHaveBeenCalled());
    coming.resolve(OTHER);
    await Promise.all(asking);
    expect(renew).toHaveBeenCalledTimes(1);
  });

  it("and stays the same is not tried again", async () => {
    const { fetch, asked } = engine();
    const client = new Client({
      baseUrl: BASE,
      token: TOKEN,
      fetch,
      renew: async () => ({ baseUrl: BASE, token: TOKEN }),
    });
    await expect(client.health()).rejects.toMatchObject({ code: "NETWORK" });
    expect(asked.length).toBe(1);
  });

  it("twice is refused: there is one more try and no third", async () => {
    const { fetch, asked } = fakeFetch(() => problem(401, "UNAUTHORIZED"));
    const ports = [5001, 5002, 5003];
    const renew = async () => ({ baseUrl: `http://127.0.0.1:${ports.shift()}/v1`, token: TOKEN });
    await expect(new Client({ baseUrl: BASE, token: TOKEN, fetch, renew }).health()).rejects.toMatchObject({
      code: "UNAUTHORIZED",
    });
    expect(asked.length).toBe(2);
  });

  it("and cannot be renewed says both", async () => {
    const { fetch } = engine();
    const renew = () => Promise.reject({ code: "CRASHED", message: "The engine crashed." });
    const error = await new Client({ baseUrl: BASE, token: TOKEN, fetch, renew })
      .health()
      .catch((caught) => caught);
    expect(error).toMatchObject({ code: "NETWORK", cause: { code: "CRASHED" } });
    expect(error.message).toContain("The engine crashed.");
  });

  it("without an answer does not make a voice twice; with a refusal it does make it", async () => {
    const lost = engine();
    const request = { display_name: "Me", description: "deep" };
    const client = new Client({ baseUrl: BASE, token: TOKEN, fetch: lost.fetch, renew: async () => OTHER });
    await expect(client.voices.design(request)).rejects.toMatchObject({ code: "NETWORK" });
    expect(lost.asked.length).toBe(1);
    await expect(client.voices.design(request)).resolves.toEqual(HEALTH);
    const refused = engine();
    const other = new Client({
      baseUrl: OTHER.baseUrl,
      token: TOKEN,
      fetch: refused.fetch,
      renew: async () => OTHER,
    });
    await expect(other.voices.design(request)).resolves.toEqual(HEALTH);
  });

  it.each<[string, (client: Client) => Promise<unknown>]>([
    ["jobs.resume", (client) => client.jobs.resume("x")],
    ["jobs.retry", (client) => client.jobs.retry("x")],
    ["jobs.delete", (client) => client.jobs.delete("x")],
    ["voices.delete", (client) => client.voices.delete("x")],
    ["models.delete", (client) => client.models.delete("x")],
    ["models.cancel", (client) => client.models.cancel("x")],
  ])("without an answer does not repeat what would then be refused: %s", async (_, ask) => {
    const { fetch, asked } = engine();
    const client = new Client({ baseUrl: BASE, token: TOKEN, fetch, renew: async () => OTHER });
    await expect(ask(client)).rejects.toMatchObject({ code: "NETWORK" });
    expect(asked.length).toBe(1);
  });
});
