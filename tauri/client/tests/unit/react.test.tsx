// @vitest-environment happy-dom
import { act, cleanup, configure, render, renderHook } from "@testing-library/react";
import type { ReactElement, ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, Player, type Source, type StreamEvent, type Voice } from "../../src/index";
import { Playback } from "../../src/playback";
import type { Sound } from "../../src/playing";
import { ClientProvider, useClient, useModels, useSpeech, useVoices } from "../../src/react";
import { FakeContext } from "./fake-context";
import { BASE, deferred, fakeFetch, json, problem, type Request, TOKEN } from "./fakes";

type Answer = (request: Request) => Response | Promise<Response>;

const made = (answer: Answer) => {
  const { fetch, asked } = fakeFetch(answer);
  return { client: new Client({ baseUrl: BASE, token: TOKEN, fetch }), asked };
};
configure({ reactStrictMode: true });

function around(client: Client | null, player?: Player): (props: { children: ReactNode }) => ReactElement {
  return ({ children }) => (
    <ClientProvider client={client} player={player}>
      {children}
    </ClientProvider>
  );
}

const voices = (name: string) => json({ voices: [{ display_name: name }] });
const names = (data: Voice[] | null) => data?.map(({ display_name }) => display_name) ?? null;

function Shown({ see }: { see(data: Voice[] | null): void }): null {
  see(useVoices().data);
  return null;
}

let complaints: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  complaints = vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => {
  cleanup();
  expect(complaints.mock.calls).toEqual([]);
  complaints.mockRestore();
});

describe("a list", () => {
  it("is loaded, fails, and keeps what it had; and is asked for again", async () => {
    const answers = [voices("a"), voices("a"), problem(500, "INTERNAL"), voices("b")];
    const { client } = made(() => answers.shift() as Response);
    const { result } = renderHook(() => useVoices(), { wrapper: around(client) });
    expect(result.current).toMatchObject({ data: null, loading: true });
    await vi.waitFor(() => expect(names(result.current.data)).toEqual(["a"]));
    act(() => result.current.refresh());
    await vi.waitFor(() => expect(result.current.error).toMatchObject({ code: "INTERNAL" }));
    expect(names(result.current.data)).toEqual(["a"]);
    act(() => result.current.refresh());
    await vi.waitFor(() => expect(result.current).toMatchObject({ error: null, loading: false }));
    expect(names(result.current.data)).toEqual(["b"]);
  });

  it("forgets at once what was asked for before, and does not hear its late answer", async () => {
    const late = deferred<Response>();
    const { client } = made(({ url }) =>
      url.searchParams.get("language") === "de" ? late.promise : voices("en"),
    );
    const { result, rerender } = renderHook(({ language }) => useVoices({ language }), {
      wrapper: around(client),
      initialProps: { language: "de" },
    });
    rerender({ language: "en" });
    await vi.waitFor(() => expect(names(result.current.data)).toEqual(["en"]));
    await act(async () => late.resolve(voices("de")));
    expect(names(result.current.data)).toEqual(["en"]);
    rerender({ language: "fr" });
    expect(result.current).toMatchObject({ data: null, loading: true });
  });

  it("that is asked for twice is being loaded until the second answer", async () => {
    const answers = [json({ voices: [] }), voices("a")].map((answer) => Promise.resolve(answer));
    const held = [deferred<Response>(), deferred<Response>()];
    const { client } = made(() => answers.shift() ?? (held.shift()?.promise as Promise<Response>));
    const [, second] = held;
    const { result } = renderHook(() => useVoices(), { wrapper: around(client) });
    await vi.waitFor(() => expect(names(result.current.data)).toEqual(["a"]));
    act(() => result.current.refresh());
    act(() => result.current.refresh());
    await act(async () => undefined);
    expect(result.current).toMatchObject({ loading: true, error: null });
    await act(async () => second?.resolve(voices("b")));
    await vi.waitFor(() => expect(names(result.current.data)).toEqual(["b"]));
    expect(result.current.loading).toBe(false);
  });

  it("is empty without an engine, and is loaded when one comes", async () => {
    const { client } = made(() => voices("a"));
    const seen: (string[] | null)[] = [];
    const tree = (current: Client | null) => (
      <ClientProvider client={current}>
        <Shown see={(data) => seen.push(names(data))} />
      </ClientProvider>
    );
    const { rerender } = render(tree(null));
    rerender(tree(client));
    await vi.waitFor(() => expect(seen.at(-1)).toEqual(["a"]));
    expect(seen[0]).toBeNull();
  });

  it("is not waited for by a component that has gone", async () => {
    const coming = deferred<Response>();
    const { client, asked } = made(() => coming.promise);
    const { unmount } = renderHook(() => useVoices(), { wrapper: around(client) });
    await vi.waitFor(() => expect(asked.length).toBe(2)); // StrictMode asks twice
    unmount();
    await act(async () => coming.resolve(voices("a")));
  });
});

describe("a list that could not be had", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const pass = (seconds: number) => act(() => vi.advanceTimersByTimeAsync(1000 * seconds));

  it("is asked for again by itself, until there is an answer", async () => {
    let broken = true;
    const { client, asked } = made(() => (broken ? problem(500, "INTERNAL") : voices("a")));
    const { result } = renderHook(() => useVoices(), { wrapper: around(client) });
    await pass(0.1);
    expect(result.current).toMatchObject({ data: null, error: { code: "INTERNAL" } });
    broken = false;
    await pass(20);
    expect(names(result.current.data)).toEqual(["a"]);
    expect(result.current.error).toBeNull();
    const { length } = asked;
    await pass(60);
    expect(asked.length).toBe(length);
  });

  it("is asked for more and more rarely, and models that were being downloaded are looked at again", async () => {
    let broken = false;
    const state = (of: string) => json({ models: [{ model_id: "m", state: of }] });
    let now = "downloading";
    const { client, asked } = made(() => (broken ? problem(500, "INTERNAL") : state(now)));
    const { result } = renderHook(() => useModels(), { wrapper: around(client) });
    await pass(1);
    expect(result.current.data?.[0]?.state).toBe("downloading");
    broken = true;
    const before = asked.length;
    await pass(60);
    expect(asked.length - before).toBeGreaterThan(3);
    expect(asked.length - before).toBeLessThan(15);
    broken = false;
    now = "installed";
    await pass(20);
    expect(result.current.data?.[0]?.state).toBe("installed");
  });
});

describe("speaking", () => {
  it("without an engine fails, and says so", () => {
    const { result } = renderHook(() => useSpeech(), { wrapper: around(null) });
    act(() => void result.current.speak("a", "b"));
    expect(result.current).toMatchObject({ state: "failed", error: { code: "NETWORK" } });
  });

  it("by a component that goes before the engine has answered cancels the job that comes", async () => {
    const coming = deferred<Response>();
    const { client, asked } = made(({ url }) =>
      url.pathname.endsWith("/speak") ? coming.promise : json({ canceled: true }),
    );
    const player = new Player();
    const play = vi.spyOn(player, "play");
    const { result, unmount } = renderHook(() => useSpeech(), { wrapper: around(client, player) });
    act(() => void result.current.speak("a", "b"));
    expect(result.current.state).toBe("waiting");
    unmount();
    coming.resolve(json({ job_id: "x" }));
    await vi.waitFor(() => expect(asked.at(-1)?.body).toEqual({ job_id: "x" }));
    const [source] = play.mock.calls[0] as [PromiseLike<Source>];
    await expect(source).rejects.toMatchObject({ name: "AbortError" });
  });

  it("that cannot be heard is canceled: there is no sound here", async () => {
    const { client, asked } = made(({ url }) => json(url.pathname.endsWith("/speak") ? { job_id: "x" } : {}));
    const { result } = renderHook(() => useSpeech(), { wrapper: around(client) });
    act(() => void result.current.speak("a", "b"));
    await vi.waitFor(() =>
      expect(result.current).toMatchObject({ state: "failed", error: { code: "UNSUPPORTED" } }),
    );
    await vi.waitFor(() => expect(asked.at(-1)?.body).toEqual({ job_id: "x" }));
  });

  it("anew cancels what was spoken before", async () => {
    let count = 0;
    const { client, asked } = made(({ url }) => {
      if (!url.pathname.endsWith("/speak")) return json({ canceled: true });
      count += 1;
      return json({ job_id: `job ${count}` });
    });
    const held: Source = { [Symbol.asyncIterator]: () => ({ next: () => deferred<never>().promise }) };
    const player = new Player();
    // There is no sound here: a player of the real kind fails at once.
    vi.spyOn(player, "play").mockImplementation(
      (_source, options) => new Playback(held, () => deferred<Sound>().promise, options ?? {}),
    );
    const { result } = renderHook(() => useSpeech(), { wrapper: around(client, player) });
    act(() => void result.current.speak("a", "b"));
    await vi.waitFor(() => expect(asked.length).toBe(1));
    await act(async () => undefined);
    act(() => void result.current.speak("a", "b"));
    const canceled = () =>
      asked.filter(({ url }) => url.pathname.endsWith("/cancel")).map(({ body }) => body);
    await vi.waitFor(() => expect(canceled()).toEqual([{ job_id: "job 1" }]));
  });

  /** A device without sound, and a stream of ten seconds that does not end. */
  function sounding(): { player: Player; context: FakeContext } {
    const context = new FakeContext();
    const player = new Player({ audioContext: context as unknown as AudioContext });
    const play = player.play.bind(player);
    const event: StreamEvent = {
      ...{ type: "AUDIO_CHUNK", job_id: "x", seq: 1, sample_rate: 24_000 },
      samples: new Int16Array(240_000),
      chunk: { index: 0, range: { start: 0, end: 7 } },
    };
    const stream = async (source: unknown): Promise<Source> => {
      await source;
      return {
        async *[Symbol.asyncIterator]() {
          yield event;
          await deferred<never>().promise;
        },
      };
    };
    vi.spyOn(player, "play").mockImplementation((source, options) => play(stream(source), options));
    return { player, context };
  }

  it("by another component cancels what this one began, which nobody hears any more", async () => {
    let count = 0;
    const { client, asked } = made(({ url }) => {
      if (!url.pathname.endsWith("/speak")) return json({ canceled: true });
      count += 1;
      return json({ job_id: `job ${count}` });
    });
    const { player } = sounding();
    const both = () => [useSpeech(), useSpeech()] as const;
    const { result } = renderHook(both, { wrapper: around(client, player) });
    act(() => void result.current[0].speak("one two", "v"));
    await vi.waitFor(() => expect(result.current[0].state).toBe("playing"));
    act(() => void result.current[1].speak("one two", "v"));
    await vi.waitFor(() => expect(result.current[0].state).toBe("stopped"));
    await vi.waitFor(() => expect(asked.at(-1)?.body).toEqual({ job_id: "job 1" }));
    await vi.waitFor(() => expect(result.current[1].state).toBe("playing"));
  });

  it("draws a component anew when there is something to see, not at each look at the clock", async () => {
    const { client } = made(() => json({ job_id: "x" }));
    const { player, context } = sounding();
    let drawn = 0;
    const hook = () => {
      drawn += 1;
      return useSpeech();
    };
    const { result } = renderHook(hook, { wrapper: around(client, player) });
    act(() => void result.current.speak("one two", "v"));
    await vi.waitFor(() => expect(result.current.state).toBe("playing"));
    const before = drawn;
    let looks = 0;
    player.current?.on("position", () => {
      looks += 1;
    });
    for (let at = 1; at <= 40; at += 1) {
      context.currentTime = at / 40;
      act(() => context.dispatchEvent(new Event("statechange")));
      await vi.waitFor(() => expect(player.current?.position.seconds).toBeGreaterThan(at / 40 - 0.075));
    }
    await vi.waitFor(() => expect(result.current.seconds).toBe(0.9));
    expect(looks).toBeGreaterThan(25);
    expect((drawn - before) / 2).toBeLessThan(20); // StrictMode draws twice
  });
});

it("a hook without a provider says what it needs", () => {
  expect(() => renderHook(() => useClient())).toThrow(/ClientProvider/);
  complaints.mockClear();
});
