// As much of the W3C WebDriver protocol as these tests need, spoken to WebKitWebDriver, which starts the app.

import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { until } from "./until";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

export class WebDriver {
  private constructor(
    readonly process: ChildProcess,
    private readonly base: string,
    private session: string,
  ) {}

  /** Starts the driver with an environment, and the app through it. */
  static async start(
    binary: string,
    env: NodeJS.ProcessEnv,
    onOutput: (text: string) => void,
  ): Promise<WebDriver> {
    const port = await freePort();
    // What the app itself prints comes through the driver, which is its parent.
    const child = spawn("WebKitWebDriver", [`--port=${port}`], {
      env: { ...env, TAURI_AUTOMATION: "true", TAURI_WEBVIEW_AUTOMATION: "true" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.on("data", (data) => onOutput(String(data)));
    child.stderr.on("data", (data) => onOutput(String(data)));
    const driver = new WebDriver(child, `http://127.0.0.1:${port}`, "");
    await until(() => driver.ask("GET", "/status").then(() => true), "WebKitWebDriver answers");
    // No browserName: WebKitGTK refuses the one that Tauri's webview has.
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": { binary, args: [] } } };
    const made = (await driver.ask("POST", "/session", { capabilities })) as { sessionId: string };
    driver.session = `/session/${made.sessionId}`;
    return driver;
  }

  private async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.base + path, {
      method,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
    const answer = (await response.json()) as { value: unknown };
    if (!response.ok) {
      const { error, message } = answer.value as { error: string; message: string };
      throw new Error(`${method} ${path}: ${error}: ${message}`);
    }
    return answer.value;
  }

  /** The first element of an XPath; an error if there is none. */
  async find(xpath: string): Promise<string> {
    const found = await this.ask("POST", `${this.session}/element`, { using: "xpath", value: xpath });
    return (found as Record<string, string>)[ELEMENT] ?? "";
  }

  async click(xpath: string): Promise<void> {
    await this.ask("POST", `${this.session}/element/${await this.find(xpath)}/click`, {});
  }

  /** Types into an element; for a file's input: the path of the file. */
  async type(xpath: string, text: string): Promise<void> {
    await this.ask("POST", `${this.session}/element/${await this.find(xpath)}/value`, { text });
  }

  /** What a person can read in an element. */
  async text(xpath: string): Promise<string> {
    return (await this.ask("GET", `${this.session}/element/${await this.find(xpath)}/text`)) as string;
  }

  async attribute(xpath: string, name: string): Promise<string | null> {
    const path = `${this.session}/element/${await this.find(xpath)}/attribute/${name}`;
    return (await this.ask("GET", path)) as string | null;
  }

  /** Presses keys together, such as ["Control", "Enter"], on what has the focus. */
  async press(...keys: (keyof typeof KEYS)[]): Promise<void> {
    const codes = keys.map((key) => KEYS[key]);
    const down = codes.map((value) => ({ type: "keyDown", value }));
    const up = codes.toReversed().map((value) => ({ type: "keyUp", value }));
    await this.ask("POST", `${this.session}/actions`, {
      actions: [{ type: "key", id: "keyboard", actions: [...down, ...up] }],
    });
  }

  /** For what only the page knows, such as whether it may use inline scripts. */
  async evaluate<T>(script: string, ...args: unknown[]): Promise<T> {
    return (await this.ask("POST", `${this.session}/execute/sync`, { script, args })) as T;
  }

  /** The same for what takes time: the script calls its last argument with the answer. */
  async evaluateAsync<T>(script: string, ...args: unknown[]): Promise<T> {
    return (await this.ask("POST", `${this.session}/execute/async`, { script, args })) as T;
  }

  /** Gives the app's window a size. */
  async resize(width: number, height: number): Promise<void> {
    await this.ask("POST", `${this.session}/window/rect`, { width, height });
  }

  /** A PNG of what the window shows. */
  async screenshot(): Promise<Buffer> {
    return Buffer.from((await this.ask("GET", `${this.session}/screenshot`)) as string, "base64");
  }

  /** Closes the app's window, as its button does. */
  async closeWindow(): Promise<void> {
    await this.ask("DELETE", `${this.session}/window`);
  }

  stop(): void {
    this.process.kill("SIGKILL");
  }
}

const KEYS = {
  Control: "\uE009",
  Enter: "\uE007",
  Escape: "\uE00C",
  Tab: "\uE004",
  a: "a",
  "1": "1",
  "2": "2",
  "5": "5",
};
