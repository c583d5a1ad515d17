import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { getQwenConnection, getQwenLogs, onQwenStatus, startQwenSidecar, stopQwenSidecar } from "../index.js";
import type { SidecarState } from "../types.js";
import { Engine, MISSING, RUNNING, STOPPED } from "./engine.js";

let engine: Engine;
beforeEach(() => {
  engine = new Engine();
});
afterEach(() => engine.end());

describe("commands", () => {
  test("give what Rust gives", async () => {
    engine
      .answer("start_qwen_sidecar", () => RUNNING)
      .answer("stop_qwen_sidecar", () => STOPPED)
      .answer("get_qwen_logs", () => ["a line"]);
    expect(await startQwenSidecar()).toEqual(RUNNING);
    expect(await stopQwenSidecar()).toEqual(STOPPED);
    expect(await getQwenLogs()).toEqual(["a line"]);
  });

  test("reject with the error that Rust made", async () => {
    engine.answer("start_qwen_sidecar", () => Promise.reject(MISSING));
    await expect(startQwenSidecar()).rejects.toEqual(MISSING);
  });

  test("reject with an error of the same shape when the permission is missing", async () => {
    await expect(getQwenConnection()).rejects.toEqual({
      code: "INTERNAL",
      message: expect.stringContaining("cannot reach"),
      detail: "plugin:qwen-tts|get_qwen_connection not allowed",
      logTail: [],
      retryable: false,
    });
  });
});

describe("onQwenStatus", () => {
  const heard: SidecarState[] = [];
  beforeEach(() => {
    heard.length = 0;
  });
  const hear = () => onQwenStatus((state) => heard.push(state));

  test("tells how it is, then what changes", async () => {
    engine.answer("get_qwen_status", () => STOPPED);
    const end = await hear();
    await engine.publish(RUNNING);
    expect(heard).toEqual([STOPPED, RUNNING]);
    end();
  });

  test("loses nothing that happens while it asks, and does not go back to it", async () => {
    const asking = engine.hold<SidecarState>("get_qwen_status");
    const listening = hear();
    await engine.wasCalled("get_qwen_status");
    await engine.publish(RUNNING);
    asking.resolve(STOPPED);
    const end = await listening;
    expect(heard).toEqual([RUNNING]);
    end();
  });

  test("does not go back within a generation either", async () => {
    const asking = engine.hold<SidecarState>("get_qwen_status");
    const listening = hear();
    await engine.wasCalled("get_qwen_status");
    await engine.publish(RUNNING);
    asking.resolve({ ...RUNNING, status: "Starting", phase: "checking", revision: 3 });
    (await listening)();
    expect(heard).toEqual([RUNNING]);
  });

  test("takes the answer if it is newer than what was heard", async () => {
    const asking = engine.hold<SidecarState>("get_qwen_status");
    const listening = hear();
    await engine.wasCalled("get_qwen_status");
    await engine.publish({ ...RUNNING, status: "Starting", phase: "checking", revision: 3 });
    asking.resolve(RUNNING);
    (await listening)();
    expect(heard.map((state) => state.status)).toEqual(["Starting", "Running"]);
  });

  test("leaves out every snapshot that is not newer, whatever the clock says", async () => {
    engine.answer("get_qwen_status", () => ({ ...RUNNING, generation: 3, revision: 9 }));
    const end = await hear();
    await engine.publish({ ...STOPPED, generation: 2, revision: 7, sinceMs: 99 });
    await engine.publish({
      ...RUNNING,
      generation: 3,
      revision: 8,
      status: "Starting",
      phase: "checking",
      sinceMs: 99,
    });
    await engine.publish({ ...RUNNING, generation: 3, revision: 9, sinceMs: 99 });
    await engine.publish({ ...STOPPED, generation: 3, revision: 10, sinceMs: 0 });
    expect(heard.map((state) => [state.status, state.generation])).toEqual([
      ["Running", 3],
      ["Stopped", 3],
    ]);
    end();
  });

  test("tells every change of one start, also within a millisecond", async () => {
    engine.answer("get_qwen_status", () => STOPPED);
    const end = await hear();
    await engine.publish({ ...RUNNING, status: "Starting", phase: "checking", revision: 3 });
    await engine.publish(RUNNING);
    expect(heard.map((state) => state.status)).toEqual(["Stopped", "Starting", "Running"]);
    end();
  });

  test("tells nothing after its end", async () => {
    engine.answer("get_qwen_status", () => STOPPED);
    const end = await hear();
    end();
    end();
    await engine.publish(RUNNING);
    expect(heard).toEqual([STOPPED]);
  });

  test("listens no more when it cannot ask", async () => {
    await expect(hear()).rejects.toMatchObject({ code: "INTERNAL" });
    await engine.publish(RUNNING);
    expect(heard).toEqual([]);
  });
});
