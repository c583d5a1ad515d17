// A Chromium of this machine, and a page of the site in it.

import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const LOUD = "--autoplay-policy=no-user-gesture-required";

export interface Browser {
  /** A fresh page of the site; `said` hears its console. */
  open(url: string, said?: (text: string) => void): Promise<Page>;
  close(): Promise<void>;
}

/** With `gesture`, pages may make sound only after a click, as in a browser of somebody's. */
export async function launch({ gesture = false, flags = [] as string[] } = {}): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), "q3tts-chromium-"));
  const context: BrowserContext = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.Q3TTS_CHROMIUM ?? found(),
    headless: true,
    args: [...FLAGS, ...flags, ...(gesture ? [] : [LOUD])],
    // What the driver would set by itself, for its own convenience.
    ignoreDefaultArgs: gesture ? ["--mute-audio"] : [],
  });
  return {
    async open(url, said) {
      const page = await context.newPage();
      page.on("pageerror", (error) => console.error(`the page failed: ${error.message}`));
      page.on("console", (message) => {
        // The browser asks for an icon by itself.
        if (!message.location().url.endsWith("/favicon.ico")) said?.(message.text());
      });
      await page.goto(url);
      return page;
    },
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function found(): string {
  const names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
  const folders = (process.env.PATH ?? "").split(delimiter);
  const paths = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  const path = paths.find((one) => {
    try {
      accessSync(one, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (path === undefined)
    throw new Error("there is no Chromium on the PATH; say where it is in Q3TTS_CHROMIUM");
  return path;
}
