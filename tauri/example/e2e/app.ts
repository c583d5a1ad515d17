// The app as a test has it: a window of its own, a home folder of its own, and what its user would do.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { alive, descendants, kill, type Process, program } from "./processes";
import { BINARY, engineSettings } from "./setting";
import { until } from "./until";
import { WebDriver } from "./webdriver";

const HOLDS =
  "return document.evaluate(arguments[0], document, null, 9).singleNodeValue.value === arguments[1]";
const BUNDLE_ID = "dev.q3tts.example";

export interface Options {
  /** Settings of the plugin, besides those that every test has. */
  plugin?: Record<string, unknown>;
  env?: Record<string, string>;
  /** A home folder that is used again. */
  home?: string;
  /** An app in another place. */
  binary?: string;
  /** Null lets the app look for its engine itself. */
  engine?: null;
}

export class App {
  private output = "";
  /** Everybody who was ever seen to descend from the app. */
  private seen: Process[] = [];
  driver!: WebDriver;
  pid = 0;

  private constructor(
    readonly home: string,
    private readonly keepsHome: boolean,
  ) {}

  /** Starts it; when the test ends it is ended, and if the test fails its logs are printed. */
  static async start(options: Options = {}): Promise<App> {
    const home = options.home ?? mkdtempSync(join(tmpdir(), "q3tts-e2e-"));
    const app = new App(home, options.home !== undefined);
    onTestFinished(async ({ task }) => {
      if (task.result?.state === "fail") console.log(app.logs());
      await app.end();
    });
    mkdirSync(join(home, ".config"), { recursive: true });
    mkdirSync(join(home, "Downloads"), { recursive: true });
    writeFileSync(join(home, ".config", "user-dirs.dirs"), 'XDG_DOWNLOAD_DIR="$HOME/Downloads"\n');
    const settings = { ...(options.engine === null ? {} : engineSettings()), ...options.plugin };
    const env = {
      ...process.env,
      HOME: home,
      XDG_DATA_HOME: join(home, "data"),
      XDG_CONFIG_HOME: join(home, ".config"),
      XDG_CACHE_HOME: join(home, "cache"),
      QWEN_TTS_SETTINGS: JSON.stringify(settings),
      ...options.env,
    };
    const binary = options.binary ?? BINARY;
    app.driver = await WebDriver.start(binary, env, (text) => {
      app.output += text;
    });
    app.pid = await until(
      () => descendants(app.driver.process.pid ?? 0).find((each) => program(each.pid) === binary)?.pid,
      "the app is a child of the driver",
    );
    await until(() => app.driver.find("//h1"), "the page is there");
    return app;
  }

  /** The folder that the engine keeps everything in. */
  get dataDir(): string {
    return join(this.home, "data", BUNDLE_ID, "qwen-tts");
  }

  /** What the app and its engine have said. */
  logs(): string {
    let engine = "(none)";
    try {
      engine = readFileSync(join(this.dataDir, "engine.log"), "utf8");
    } catch {
      // It never came so far.
    }
    return `--- the app\n${this.output}\n--- the engine's log\n${engine}`;
  }

  /** Everything that runs because of the app, but the webview's own processes. */
  engineProcesses(): Process[] {
    const found = descendants(this.pid).filter((each) => !/WebKit|dbus|bwrap|xdg-/.test(each.command));
    this.seen.push(...found);
    return found;
  }

  async go(page: "Read" | "Queue" | "Voices" | "History" | "Settings"): Promise<void> {
    await this.driver.click(`//nav//button[normalize-space()="${page}"]`);
    await until(() => this.driver.find(`//h1[normalize-space()="${page}"]`), `the page ${page}`);
  }

  /** Clicks a button by what it says, or by the name that screen readers say. */
  async press(name: string): Promise<void> {
    const xpath = `//button[not(@disabled) and not(@aria-disabled="true") and (normalize-space()="${name}" or starts-with(@aria-label, "${name}"))]`;
    await until(() => this.driver.click(xpath).then(() => true), `the button ${name}`);
  }

  async choose(provider: "qwen" | "system"): Promise<void> {
    await this.go("Settings");
    await this.driver.click(`//input[@name="provider" and @value="${provider}"]`);
  }

  /** The word at the engine, under Settings. */
  async status(): Promise<string> {
    return await this.driver.text('//*[contains(@class, "status-word")]');
  }

  async untilStatus(word: string): Promise<void> {
    await until(async () => {
      const now = await this.status();
      if (now === word) return true;
      const why = now === "Error" ? await this.driver.text('//*[contains(@class, "error-message")]') : "";
      throw new Error(`it says ${now} ${why}`);
    }, `the status ${word}`);
  }

  /** Chooses Qwen and waits until it is online; gives the engine's process. */
  async online(): Promise<Process> {
    await this.choose("qwen");
    await this.untilStatus("Online");
    return await this.engine();
  }

  /** The engine's process, by the number under Details. */
  async engine(): Promise<Process> {
    await this.openDetails();
    const pid = await until(
      async () => Number(await this.fact("pid")) || null,
      "the engine's process is shown",
    );
    return await until(
      () => this.engineProcesses().find((each) => each.pid === pid),
      "the process that is shown descends from the app",
    );
  }

  async openDetails(): Promise<void> {
    await this.go("Settings");
    if ((await this.driver.attribute("//details", "open")) === null) await this.driver.click("//summary");
    await until(() => this.driver.find("//details[@open]//pre"), "the details are unfolded");
  }

  /** What is written in the data attributes of the details. */
  async fact(name: "pid" | "port"): Promise<string | null> {
    return await this.driver.attribute('//dl[contains(@class, "facts")]', `data-${name}`);
  }

  /** Replaces a text by keys. The driver's keyboard has no keys but those of letters: for the rest, open a file. */
  async fill(xpath: string, text: string): Promise<void> {
    await this.driver.click(xpath);
    await this.driver.press("Control", "a");
    await this.driver.type(xpath, text);
    await until(() => this.driver.evaluate<boolean>(HOLDS, xpath, text), "the text is typed");
  }

  /** Opens a text file under Read. */
  async open(text: string): Promise<void> {
    await this.go("Read");
    const file = join(this.home, "text.txt");
    writeFileSync(file, text);
    await this.driver.type('//input[contains(@class, "text-file")]', file);
    await until(() => this.driver.evaluate<boolean>(HOLDS, "//textarea", text), "the file's text");
  }

  /** The files in the Downloads folder. */
  downloads(): string[] {
    return readdirSync(join(this.home, "Downloads")).map((name) => join(this.home, "Downloads", name));
  }

  /** Ends whatever there still is, and forgets the home folder. */
  async end(): Promise<void> {
    if (this.driver === undefined) return;
    const left = [...this.seen, ...descendants(this.driver.process.pid ?? 0)];
    this.driver.stop();
    kill(left);
    await until(() => alive(left).length === 0, "everything is ended");
    if (!this.keepsHome) rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}
