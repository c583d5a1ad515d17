// A text is read aloud: it is heard, and its words are marked as they are heard.

import { expect, onTestFinished, test } from "vitest";
import { App } from "./app";
import { Ear, noSound } from "./sound";
import { until } from "./until";

const TEXT = `${"The tide is out, and you can walk to the lighthouse. ".repeat(3)}

Then the water comes back, slowly at first. Naïve visitors – 🐚 in hand – get wet feet.`;
const AREA = '//textarea[@aria-label="Text to read"]';
const PAGE = '//*[contains(@class, "read-page")]';

const state = (app: App) => app.driver.attribute(PAGE, "data-state");
const played = async (app: App) => Number(await app.driver.attribute(PAGE, "data-samples-played"));

/** The page notes each word that it marks, for a test is too slow to see all of them. */
async function noteWords(app: App): Promise<void> {
  await app.driver.evaluate(`
    window.marked = [];
    new MutationObserver(() => {
      const mark = document.querySelector("mark");
      const at = Number(document.querySelector(".marked-text")?.dataset.wordStart ?? -1);
      if (mark && at !== window.marked.at(-1)?.at) window.marked.push({ at, word: mark.textContent });
    }).observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
  `);
}

test("a text is heard to its end, word after word", async () => {
  const ear = new Ear();
  onTestFinished(() => ear.close());
  const app = await App.start();
  await app.online();
  await app.open(TEXT);
  await noteWords(app);
  ear.forget();

  await app.press("Speak");
  await until(async () => (await state(app)) === "ended", "the end of the text");

  const marked = await app.driver.evaluate<{ at: number; word: string }[]>("return window.marked");
  expect(marked.length).toBeGreaterThan(10);
  for (const { at, word } of marked) expect(TEXT.slice(at, at + word.length)).toBe(word);
  expect(marked.map(({ at }) => at)).toEqual(
    marked.map(({ at }) => at).toSorted((one, other) => one - other),
  );
  // The last word behind the letters of two units is where it is in the text, in UTF-16.
  expect(marked.at(-1)?.word).toMatch(/feet/);
  // Three seconds at the very least, in the player and in the loudspeakers.
  expect(await played(app)).toBeGreaterThan(3 * 24_000);
  if (noSound === null) expect(ear.loudSamples).toBeGreaterThan(24_000);
});

test("speaking starts an engine that is offline; pause is silent, resume goes on, Escape stops", async () => {
  const ear = new Ear();
  onTestFinished(() => ear.close());
  const app = await App.start();
  await app.driver.evaluate("localStorage.setItem('q3tts.provider', 'qwen'); location.reload()");
  await until(() => app.driver.find('//*[@data-status="Stopped"]'), "the page is there again");
  expect(app.engineProcesses()).toEqual([]);
  await app.open(TEXT);

  await app.driver.click(AREA);
  await app.driver.press("Control", "Enter");
  await until(async () => (await state(app)) === "playing", "it is playing");
  expect(app.engineProcesses()).not.toEqual([]);

  await app.press("Pause");
  await until(async () => (await state(app)) === "paused", "it is paused");
  // What was on its way to the loudspeakers has come out when nothing new was heard for a while.
  let quiet = -1;
  await until(async () => {
    const before = quiet;
    quiet = ear.loudSamples;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return quiet === before;
  }, "silence");
  const atPause = await played(app);

  await app.press("Resume");
  await until(async () => (await played(app)) > atPause, "it goes on");
  if (noSound === null) await until(() => ear.loudSamples > quiet, "it is heard again");

  await app.driver.press("Escape");
  await until(async () => (await state(app)) === "idle", "it has stopped");
  await until(() => app.driver.find(AREA), "the text may be edited again");
  await app.go("History");
  await until(
    () => app.driver.find('//li[@data-job-status][contains(., "Read aloud")]'),
    "it is in the history",
  );
});

test("the focus stays on the button that was pressed", async () => {
  const app = await App.start();
  await app.online();
  await app.open(TEXT.repeat(3));
  const focused = () => app.driver.evaluate<string>("return document.activeElement?.textContent ?? ''");
  const focus = (name: string) =>
    app.driver.evaluate(`
      [...document.querySelectorAll("main button")].find((each) => each.textContent === "${name}").focus();
    `);

  await focus("Speak");
  await app.driver.press("Enter");
  await until(async () => (await state(app)) === "playing", "it is playing");
  expect(await focused()).toBe("Pause");

  await app.driver.press("Enter");
  await until(async () => (await state(app)) === "paused", "it is paused");
  expect(await focused()).toBe("Resume");

  await app.driver.press("Enter");
  await until(async () => (await state(app)) === "playing", "it goes on");
  expect(await focused()).toBe("Pause");

  await focus("Stop");
  await app.driver.press("Enter");
  await until(async () => (await state(app)) === "idle", "it has stopped");
  await until(async () => (await focused()) === "Speak", "the focus on Speak");

  await app.driver.click(AREA);
  await app.driver.press("Control", "Enter");
  await until(async () => (await focused()) === "Pause", "the focus on what the keys began");
});

test("what is read goes on while other pages are looked at, and ends with the provider", async () => {
  const app = await App.start();
  await app.online();
  await app.open(TEXT);
  await app.press("Speak");
  await until(async () => (await state(app)) === "playing", "it is playing");

  await app.go("Voices");
  await until(() => app.driver.find('//button[normalize-space()="Being read"]'), "the sign that it goes on");

  await app.choose("system");
  await app.untilStatus("Offline");
  await app.go("Read");
  expect(await state(app)).toBe("idle");
});

test("a file is opened and read; one that is no text is refused in words", async () => {
  const { writeFileSync } = await import("node:fs");
  const app = await App.start();
  writeFileSync(`${app.home}/note.md`, "\uFEFF# A note\r\n\r\nOf two lines.\r\n");
  writeFileSync(`${app.home}/not-text.txt`, Buffer.from([0xff, 0xfe, 0x00, 0xd8]));
  const input = '//input[contains(@class, "text-file")]';

  await app.driver.type(input, `${app.home}/note.md`);
  await until(
    async () =>
      (await app.driver.evaluate("return document.querySelector('textarea').value")) ===
      "# A note\n\nOf two lines.\n",
    "the file's text",
  );

  await app.driver.type(input, `${app.home}/not-text.txt`);
  const alert = await until(() => app.driver.text('//*[@role="alert"]'), "the alert");
  expect(alert).toContain("not-text.txt is not a text file in UTF-8.");
});

test("the system's voice speaks without an engine, where the webview has one", async ({ skip }) => {
  const ear = new Ear();
  onTestFinished(() => ear.close());
  const app = await App.start();
  const voices = await app.driver.evaluate<number>("return window.speechSynthesis?.getVoices().length ?? 0");
  if (voices === 0) {
    expect(await app.driver.text("//main")).toContain("This system offers no voice to apps.");
    skip("this webview has no voice");
  }
  await app.open("The tide is out.");

  await app.press("Speak");
  await until(async () => (await state(app)) === "ended", "the end of the text");

  if (noSound === null) await until(() => ear.loudSamples > 2_400, "it is heard");
  expect(app.engineProcesses()).toEqual([]);
});
