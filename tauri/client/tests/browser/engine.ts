// A real engine, started as an app starts it: a token and folders over its standard input, its port from its output.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const repository = join(import.meta.dirname, "..", "..", "..", "..");
const BINARY = process.env.Q3TTS_ENGINE ?? join(repository, ".venv", "bin", "q3tts");

/** Run the repository's Python. */
export function python(...args: string[]): void {
  const executable = process.env.Q3TTS_PYTHON ?? join(repository, ".venv", "bin", "python");
  execFileSync(executable, args, { cwd: repository, stdio: "inherit" });
}

export interface EngineOptions {
  origins: string[];
  dataDir?: string;
  modelsDir?: string;
  model?: string;
}

export class Engine {
  readonly token = randomBytes(32).toString("hex");
  readonly dataDir: string;
  port = 0;
  #child: ChildProcess;
  #said = "";
  readonly #gone: Promise<void>;

  private constructor(readonly options: EngineOptions) {
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "q3tts-data-"));
    this.#child = spawn(BINARY, ["serve", "--sidecar"], { stdio: ["pipe", "pipe", "pipe"] });
    this.#gone = new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.once("error", (error) => {
        this.#said += error.message; // there is no such file
        resolve();
      });
    });
    this.#child.stderr?.on("data", (data) => {
      this.#said = (this.#said + data).slice(-4000);
    });
    this.#child.stdin?.on("error", () => undefined); // it may have ended
  }

  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options);
    await engine.#ready();
    return engine;
  }

  get connection(): { baseUrl: string; token: string } {
    return { baseUrl: `http://127.0.0.1:${this.port}/v1`, token: this.token };
  }

  /** What the engine answers, straight from here. */
  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...init.headers, Authorization: `Bearer ${this.token}` };
    return await fetch(`${this.connection.baseUrl}${path}`, { ...init, headers });
  }

  /** The first of the voices that speak a language. */
  async voice(language: string): Promise<string> {
    const { voices } = await (await this.ask(`/voices?language=${language}`)).json();
    return voices[0].voice_id;
  }

  async job(jobId: string): Promise<{ status: string }> {
    return await (await this.ask(`/jobs/${jobId}`)).json();
  }

  /** The bytes of the job's file, once there is one. */
  async file(jobId: string): Promise<Buffer> {
    while (["queued", "running"].includes((await this.job(jobId)).status)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const wav = await this.ask(`/jobs/${jobId}/audio`);
    if (!wav.ok) throw new Error(await wav.text());
    return Buffer.from(await wav.arrayBuffer());
  }

  /** The samples of the job's file. */
  async samples(jobId: string): Promise<Int16Array> {
    const bytes = await this.file(jobId);
    const data = bytes.indexOf("data", 12, "latin1") + 8;
    return new Int16Array(new Uint8Array(bytes.subarray(data)).buffer);
  }

  /** Of the samples of the job's file. */
  async sha256(jobId: string): Promise<string> {
    const { buffer } = await this.samples(jobId);
    return createHash("sha256").update(Buffer.from(buffer)).digest("hex");
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.#gone;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#gone;
  }

  /** Stop, and remove what it has written. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  async #ready(): Promise<void> {
    const { origins, modelsDir, model } = this.options;
    const payload = {
      v: 1,
      token: this.token,
      data_dir: this.dataDir,
      allowed_origins: origins,
      ...(modelsDir ? { models_dir: modelsDir } : {}),
      ...(model ? { model } : {}),
    };
    this.#child.stdin?.write(`${JSON.stringify(payload)}\n`);
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    for await (const line of lines) {
      const event = JSON.parse(line);
      if (event.event === "ready") {
        this.port = event.port;
        this.#child.stdout?.resume();
        return;
      }
      if (event.event === "error") throw new Error(event.message);
    }
    throw new Error(`the engine did not start: ${this.#said}`);
  }
}
