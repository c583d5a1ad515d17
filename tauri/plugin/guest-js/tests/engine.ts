// The Rust side as a test plays it: commands that are answered when the test says so, and events.

import { emit } from "@tauri-apps/api/event";
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { vi } from "vitest";
import type { SidecarFailure, SidecarState } from "../types.js";

export const STOPPED: SidecarState = {
  status: "Stopped",
  phase: null,
  generation: 0,
  revision: 0,
  sinceMs: 1,
  pid: null,
  port: null,
  version: null,
  restarts: 0,
  error: null,
};

export const RUNNING: SidecarState = {
  ...STOPPED,
  status: "Running",
  generation: 1,
  revision: 4,
  sinceMs: 5,
  pid: 17,
  port: 5123,
  version: "0.1.0",
};

export const MISSING: SidecarFailure = {
  code: "BINARY_MISSING",
  message: "the speech engine is missing",
  detail: "searched: /x",
  logTail: [],
  retryable: false,
};

type Invoke = (command: string, args: unknown, options: unknown) => Promise<unknown>;
const tauri = globalThis as unknown as { __TAURI_INTERNALS__: { invoke: Invoke } };

export class Engine {
  readonly called: string[] = [];
  readonly #answers = new Map<string, () => unknown>();
  #listeners = 0;
  #forbidden: string | null = null;

  constructor() {
    mockIPC(
      (command) => {
        const name = command.replace("plugin:qwen-tts|", "");
        this.called.push(name);
        const answer = this.#answers.get(name);
        if (answer === undefined) throw `${command} not allowed`;
        return answer();
      },
      { shouldMockEvents: true },
    );
    const { invoke } = tauri.__TAURI_INTERNALS__;
    tauri.__TAURI_INTERNALS__.invoke = (command, args, options) => {
      if (command === "plugin:event|listen" && this.#forbidden !== null)
        return Promise.reject(this.#forbidden);
      if (command === "plugin:event|listen") this.#listeners += 1;
      if (command === "plugin:event|unlisten") this.#listeners -= 1;
      return invoke(command, args, options);
    };
  }

  /** What a command answers from now on. */
  answer(command: string, answer: () => unknown): this {
    this.#answers.set(command, answer);
    return this;
  }

  /** Tauri refuses listeners, in these words. */
  forbidEvents(said: string): void {
    this.#forbidden = said;
  }

  /** A command that is answered later, by what this gives. */
  hold<T>(command: string): { resolve(value: T): void; reject(error: unknown): void } {
    let resolve: (value: T) => void = () => {};
    let reject: (error: unknown) => void = () => {};
    const promise = new Promise<T>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    this.answer(command, () => promise);
    return { resolve, reject };
  }

  async publish(state: SidecarState): Promise<void> {
    await emit("qwen-tts://status", state);
  }

  /** Wait until a command was called so often. */
  async wasCalled(command: string, times = 1): Promise<void> {
    await vi.waitFor(() => {
      const count = this.called.filter((name) => name === command).length;
      if (count < times) throw new Error(`${command} was called ${count} times, not ${times}`);
    });
  }

  /** Who listens has to leave. */
  async end(): Promise<void> {
    await vi.waitFor(() => {
      if (this.#listeners !== 0) throw new Error(`${this.#listeners} still listen`);
    });
    clearMocks();
  }
}
