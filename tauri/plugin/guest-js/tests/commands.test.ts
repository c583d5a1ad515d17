import { clearMocks } from "@tauri-apps/api/mocks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  getQwenConnection,
  getQwenLogs,
  getQwenStatus,
  onQwenStatus,
  SidecarError,
  startQwenSidecar,
  stopQwenSidecar,
} from "../index.js";
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
    const error = await startQwenSidecar().catch((why: unknown) => why);
    expect(error).toBeInstanceOf(SidecarError);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe(`SidecarError: ${MISSING.message}`);
    expect(error).toMatchObject(MISSING);
  });

  test.each([
    // What Tauri says: without the plugin's name in a release, with all it knows in development.
    "Command get_qwen_connection not allowed by ACL",
    "qwen-tts.get_qwen_connection not allowed. Permissions associated with this command: qwen-tts:allow-get-qwen-connection",
    'qwen-tts.get_qwen_connection not allowed on window "other", webview "other", URL: local',
    "qwen-tts.get_qwen_connection explicitly denied on origin local",
  ])("name the permission that is missing: %s", async (said) => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    engine.answer("get_qwen_connection", () => Promise.reject(said));
    const error = await getQwenConnection().catch((why: unknown) => why);
    expect(error).toBeInstanceOf(SidecarError);
    expect(error).toMatchObject({
      code: "NOT_ALLOWED",
      message: expect.stringContaining('add "qwen-tts:allow-get-qwen-connection"'),
      detail: said,
      logTail: [],
      retryable: false,
    });
    expect(logged).toHaveBeenCalledWith((error as SidecarError).message, said);
    logged.mockRestore();
  });

  test.each(["plugin qwen-tts not found", "qwen-tts.get_qwen_status not allowed. Plugin not found"])(
    "say that the app lacks the plugin: %s",
    async (said) => {
      engine.answer("get_qwen_status", () => Promise.reject(said));
      const message = expect.stringContaining("tauri_plugin_qwen_tts::init()");
      await expect(getQwenStatus()).rejects.toMatchObject({ code: "INTERNAL", message });
    },
  );

  test("say that a page is not in an app", async () => {
    clearMocks();
    const internals = Object.getOwnPropertyDescriptor(globalThis, "__TAURI_INTERNALS__");
    Reflect.deleteProperty(globalThis, "__TAURI_INTERNALS__");
    const message = expect.stringContaining("does not run in a Tauri app");
    await expect(getQwenStatus()).rejects.toMatchObject({ code: "INTERNAL", message });
    if (internals) Object.defineProperty(globalThis, "__TAURI_INTERNALS__", internals);
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

  test("names the permission for events when that is missing", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    engine.forbidEvents(
      "event.listen not allowed. Permissions associated with this command: core:event:default",
    );
    const message = expect.stringContaining("core:event:default");
    await expect(hear()).rejects.toMatchObject({ code: "NOT_ALLOWED", message });
    logged.mockRestore();
  });

  test("listens no more when it cannot ask", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    await expect(hear()).rejects.toMatchObject({ code: "NOT_ALLOWED" });
    logged.mockRestore();
    await engine.publish(RUNNING);
    expect(heard).toEqual([]);
  });
});
