import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Browser, launch } from "./chromium";
import { Engine } from "./engine";

const TEXT = "The tide is out. You can walk to the lighthouse.";
const WORDS = "The tide is out You can walk to the lighthouse".split(" ");

let engine: Engine;
let browser: Browser;
let page: Page;
let voice: string;
let said: string[];

beforeAll(async () => {
  [engine, browser] = await Promise.all([Engine.start({ origins: [inject("origin")] }), launch()]);
  voice = await engine.voice("en");
});
afterAll(async () => {
  await browser?.close();
  await engine?.remove();
});

async function open(text: string): Promise<void> {
  said = [];
  const asked = encodeURIComponent(JSON.stringify({ connection: engine.connection, voice, text }));
  page = await browser.open(`${inject("origin")}/hooks.html#${asked}`, (line) => said.push(line));
}

const shown = (id: string) =>
  expect.poll(() => page.textContent(`#${id}`), { timeout: 20_000, interval: 20 });
const newest = async () => (await (await engine.ask("/jobs?limit=1")).json()).jobs[0];

beforeEach(() => open(TEXT));
afterEach(async () => {
  await page.close();
  // Neither React nor the browser complains; and it is the React that does complain.
  expect(said).toEqual([expect.stringContaining("React DevTools")]);
});

describe("the hooks, in StrictMode", () => {
  it("wait for a client, then show voices, models, jobs and health", async () => {
    expect(await page.textContent("#voices")).toBe("");
    await page.click("#speak");
    await shown("error").toBe("there is no engine yet");
    await page.click("#connect");
    await shown("voices").toMatch(/^\d{3}$/);
    await shown("models").toContain("espeak-ng active");
    await shown("health").toBe("espeak-ng");
    const body = JSON.stringify({ voice_id: voice, text: TEXT });
    await engine.ask("/jobs", { method: "POST", body });
    await shown("jobs").toMatch(/^render completed/);
  });

  it("speak, and mark each word, up to the last", async () => {
    await page.click("#connect");
    await page.evaluate(() => {
      const words: string[] = [];
      Object.assign(window, { words });
      new MutationObserver(() => {
        const word = document.querySelector("mark")?.textContent;
        if (word && words[words.length - 1] !== word) words.push(word);
      }).observe(document.body, { childList: true, characterData: true, subtree: true });
    });
    await page.click("#speak");
    await shown("state").toBe("playing");
    await shown("state").toBe("ended");
    expect(await page.evaluate(() => (window as unknown as { words: string[] }).words)).toEqual(WORDS);
    expect(await page.textContent("#error")).toBe("");
  });

  it("pause, resume and stop; what is stopped is canceled", async () => {
    await page.close();
    await open(TEXT.repeat(20_000));
    await page.click("#connect");
    await page.click("#speak");
    await shown("state").toBe("playing");
    await page.click("#pause");
    await shown("state").toBe("paused");
    await page.click("#resume");
    await shown("state").toBe("playing");
    await page.click("#stop");
    await shown("state").toBe("stopped");
    await expect.poll(async () => (await newest()).status).toBe("canceled");
  });

  it("that go stop and cancel what they began", async () => {
    await page.close();
    await open(TEXT.repeat(20_000));
    await page.click("#connect");
    await page.click("#speak");
    await shown("state").toBe("playing");
    expect((await newest()).status).toBe("running");
    await page.click("#leave");
    await expect.poll(async () => (await newest()).status).toBe("canceled");
  });

  it("say what went wrong, and speak again after it", async () => {
    await page.click("#connect");
    await page.click("#nothing");
    await shown("state").toBe("failed");
    await shown("error").toMatch(/empty/);
    await page.click("#speak");
    await shown("state").toBe("ended");
    expect(await page.textContent("#error")).toBe("");
    said = said.filter((line) => !line.includes("status of 400")); // the browser tells of every answer that is none
  });
});
