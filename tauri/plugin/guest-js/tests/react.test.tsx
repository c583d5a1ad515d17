import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useQwenSidecar } from "../react.js";
import type { SidecarState } from "../types.js";
import { Engine, MISSING, RUNNING, STOPPED } from "./engine.js";

let engine: Engine;
beforeEach(() => {
  engine = new Engine().answer("get_qwen_status", () => STOPPED);
});
afterEach(async () => {
  cleanup();
  await engine.end();
});

test("shows nothing, then how the engine is, then what changes", async () => {
  const { result } = renderHook(() => useQwenSidecar());
  expect(result.current.state).toBeNull();
  await waitFor(() => expect(result.current.state).toEqual(STOPPED));
  await act(() => engine.publish(RUNNING));
  expect(result.current.state).toEqual(RUNNING);
});

test("its functions stay the same from one rendering to the next", async () => {
  const { result } = renderHook(() => useQwenSidecar());
  const { start, stop } = result.current;
  await waitFor(() => expect(result.current.state).not.toBeNull());
  expect(result.current.start).toBe(start);
  expect(result.current.stop).toBe(stop);
});

test("a failed start rejects with the error", async () => {
  engine.answer("start_qwen_sidecar", () => Promise.reject(MISSING));
  const { result } = renderHook(() => useQwenSidecar());
  await expect(result.current.start()).rejects.toMatchObject(MISSING);
});

test("a window that may not ask sees why", async () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => {});
  engine.answer("get_qwen_status", () => Promise.reject("Command get_qwen_status not allowed by ACL"));
  const { result } = renderHook(() => useQwenSidecar());
  await waitFor(() => expect(result.current.state?.status).toBe("Errored"));
  expect(result.current.state?.error?.message).toContain('"qwen-tts:allow-get-qwen-status"');
  logged.mockRestore();
});

test("in strict mode one of the two listeners stays", async () => {
  const renders: (SidecarState | null)[] = [];
  const { result } = renderHook(
    () => {
      const sidecar = useQwenSidecar();
      renders.push(sidecar.state);
      return sidecar;
    },
    { wrapper: StrictMode },
  );
  await engine.wasCalled("get_qwen_status", 2);
  await waitFor(() => expect(result.current.state).toEqual(STOPPED));
  await act(() => engine.publish(RUNNING));
  expect(result.current.state).toEqual(RUNNING);
});

test("a component that goes away during a start is told nothing, and stops nothing", async () => {
  const starting = engine.hold<SidecarState>("start_qwen_sidecar");
  const { result, unmount } = renderHook(() => useQwenSidecar());
  await waitFor(() => expect(result.current.state).toEqual(STOPPED));
  const started = result.current.start();
  unmount();
  await engine.publish(RUNNING);
  starting.resolve(RUNNING);
  await started;
  expect(result.current.state).toEqual(STOPPED);
  expect(engine.called).not.toContain("stop_qwen_sidecar");
});

test("a component that goes away before the first answer is told nothing", async () => {
  const asking = engine.hold<SidecarState>("get_qwen_status");
  const { result, unmount } = renderHook(() => useQwenSidecar());
  await engine.wasCalled("get_qwen_status");
  unmount();
  await act(async () => asking.resolve(STOPPED));
  expect(result.current.state).toBeNull();
});
