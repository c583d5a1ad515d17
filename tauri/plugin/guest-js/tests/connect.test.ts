import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Client, connect } from "../index.js";
import type { SidecarState } from "../types.js";
import { Engine, MISSING, RUNNING, STOPPED } from "./engine.js";

const FIRST = { baseUrl: "http://127.0.0.1:5001/v1", token: "first", generation: 1 };
const SECOND = { baseUrl: "http://127.0.0.1:5002/v1", token: "second", generation: 2 };

let engine: Engine;
beforeEach(() => {
  engine = new Engine();
});
afterEach(async () => {
  await engine.end();
  vi.unstubAllGlobals();
});

test("starts the engine and then asks for its connection", async () => {
  engine.answer("start_qwen_sidecar", () => RUNNING).answer("get_qwen_connection", () => FIRST);
  const client = await connect();
  expect(engine.called).toEqual(["start_qwen_sidecar", "get_qwen_connection"]);
  expect(client.connection).toMatchObject({ baseUrl: FIRST.baseUrl, token: "first" });
});

test("rejects with the reason of a failed start", async () => {
  engine.answer("start_qwen_sidecar", () => Promise.reject(MISSING));
  await expect(connect()).rejects.toMatchObject(MISSING);
});

/** The network with these engines in it; others do not answer. */
function stubEngines(engines = new Map<string, string>()): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string, init: { headers: Record<string, string> }) => {
    const { port } = new URL(url);
    asked.push(port);
    if (init.headers.Authorization !== `Bearer ${engines.get(port)}`) throw new TypeError("Failed to fetch");
    return Response.json({ engine_version: "0.1.0" });
  });
  return asked;
}

test("finds the next engine when this one is gone", async () => {
  const asked = stubEngines(new Map([["5002", "second"]]));
  engine.answer("start_qwen_sidecar", () => RUNNING).answer("get_qwen_connection", () => FIRST);
  const client = await connect();
  engine.answer("get_qwen_status", () => RUNNING).answer("get_qwen_connection", () => SECOND);
  expect(await client.health()).toMatchObject({ engine_version: "0.1.0" });
  expect(asked).toEqual(["5001", "5002"]);
});

const STARTING: SidecarState = {
  ...RUNNING,
  status: "Starting",
  phase: "restarting",
  generation: 2,
  revision: 6,
};
const AGAIN: SidecarState = { ...RUNNING, generation: 2, revision: 9 };
const NOT_RUNNING = { ...MISSING, code: "STOPPED" };

/** A client whose engine is gone; there is another one only if the test says so. */
async function bereaved(): Promise<Client> {
  stubEngines(new Map([["5002", "second"]]));
  engine.answer("start_qwen_sidecar", () => RUNNING).answer("get_qwen_connection", () => FIRST);
  const client = await connect();
  engine.answer("get_qwen_connection", () => Promise.reject(NOT_RUNNING));
  return client;
}

const starts = () => engine.called.filter((name) => name === "start_qwen_sidecar").length;

test("waits for an engine that is being started again, and does not start it", async () => {
  const client = await bereaved();
  engine.answer("get_qwen_status", () => STARTING);
  const health = client.health();
  await engine.wasCalled("get_qwen_status");
  await engine.publish({ ...STARTING, phase: "checking", revision: 8 });
  engine.answer("get_qwen_connection", () => SECOND);
  await engine.publish(AGAIN);
  expect(await health).toMatchObject({ engine_version: "0.1.0" });
  expect(starts()).toBe(1);
});

test("misses nothing between its question and the answer", async () => {
  const client = await bereaved();
  const asking = engine.hold<SidecarState>("get_qwen_status");
  const health = client.health();
  await engine.wasCalled("get_qwen_status");
  engine.answer("get_qwen_connection", () => SECOND);
  await engine.publish(AGAIN);
  asking.resolve(STARTING);
  expect(await health).toMatchObject({ engine_version: "0.1.0" });
});

test("does not start an engine that somebody has stopped", async () => {
  const client = await bereaved();
  engine.answer("get_qwen_status", () => ({ ...STOPPED, revision: 6 }));
  await expect(client.health()).rejects.toMatchObject({ code: "NETWORK" });
  expect(starts()).toBe(1);
});

test("does not start an engine whose start is being stopped", async () => {
  const client = await bereaved();
  engine.answer("get_qwen_status", () => ({ ...STARTING, phase: "stopping" }));
  await expect(client.health()).rejects.toMatchObject({ code: "NETWORK" });
  expect(starts()).toBe(1);
});

test("does not start an engine that is stopped while its restart is waited for", async () => {
  const client = await bereaved();
  engine.answer("get_qwen_status", () => STARTING);
  const health = client.health();
  const failed = expect(health).rejects.toMatchObject({ code: "NETWORK" });
  await engine.wasCalled("get_qwen_status");
  await engine.publish({ ...STARTING, phase: "stopping", revision: 7 });
  await failed;
  expect(starts()).toBe(1);
});

test("looks once more when the engine was gone before it was seen to be", async () => {
  const client = await bereaved();
  engine.answer("get_qwen_status", () => RUNNING);
  const health = client.health();
  // The first look found it running, but it cannot be reached; the second one waits for what comes of that.
  await engine.wasCalled("get_qwen_status", 2);
  await engine.publish(STARTING);
  engine.answer("get_qwen_connection", () => SECOND);
  await engine.publish(AGAIN);
  expect(await health).toMatchObject({ engine_version: "0.1.0" });
  expect(starts()).toBe(1);
});

test("does not look again when it may not have the connection", async () => {
  const client = await bereaved();
  engine.answer("get_qwen_status", () => RUNNING);
  engine.answer("get_qwen_connection", () => Promise.reject("not allowed"));
  await expect(client.health()).rejects.toMatchObject({ code: "NETWORK" });
  expect(engine.called.filter((name) => name === "get_qwen_status")).toHaveLength(1);
});

test("an abort ends the waiting and not the start", async () => {
  const starting = engine.hold<SidecarState>("start_qwen_sidecar");
  const giving = new AbortController();
  const connecting = connect({ signal: giving.signal });
  await engine.wasCalled("start_qwen_sidecar");
  giving.abort(new Error("given up"));
  await expect(connecting).rejects.toThrow("given up");
  // Nobody waits for this any more, and it must not come up as an unhandled rejection.
  starting.reject(MISSING);
  expect(engine.called).not.toContain("stop_qwen_sidecar");
});

test("a signal that was aborted before starts nothing", async () => {
  engine.answer("start_qwen_sidecar", () => RUNNING).answer("get_qwen_connection", () => FIRST);
  await expect(connect({ signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before");
  expect(engine.called).toEqual([]);
});
