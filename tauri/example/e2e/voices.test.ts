// Voices are listed, heard, made from recordings, and deleted.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { App } from "./app";
import { noCheckpoint, PYTHON, REPOSITORY } from "./setting";
import { Ear, noSound, say } from "./sound";
import { until } from "./until";

const WORDS = "The tide is out, and you can walk to the lighthouse. Take good shoes with you.";
const COUNT = '//main/p[@role="status"]';
const CLONE = '//button[normalize-space()="Clone"]';
const RECORDING = '//input[contains(@class, "recording-file")]';

/** A model that can clone: random weights in the folder of a real one. It speaks noise, and quickly. */
function installCheckpoint(app: App): void {
  const folder = join(app.dataDir, "models", "tiny-base");
  mkdirSync(join(app.dataDir, "models"), { recursive: true, mode: 0o700 }); // The engine takes no folder that others may open.
  execFileSync(PYTHON, ["-m", "app.selftest.checkpoint", folder], { cwd: REPOSITORY, stdio: "pipe" });
}

/** A recording of somebody who speaks: a document that was queued and saved. */
async function recording(app: App): Promise<string> {
  await app.go("Queue");
  await app.driver.type('//textarea[@name="text"]', WORDS);
  await app.press("Add to the queue");
  await app.press("Save WAV");
  return await until(() => app.downloads().find((name) => name.endsWith(".wav")), "the recording");
}

async function cloneWith(app: App, name: string): Promise<void> {
  await app.fill('//input[@name="voice-name"]', name);
  await app.fill('//textarea[@name="transcript"]', WORDS);
  // All is there but the consent.
  expect(await app.driver.attribute(CLONE, "disabled")).toBe("true");
  await app.driver.click('//input[@name="consent"]');
  await app.press("Clone");
  await until(() => app.driver.find(`//li[@data-kind="clone"]//*[@title="${name}"]`), "the new voice");
}

test("voices are found by language, and one is heard", async () => {
  const ear = new Ear();
  onTestFinished(() => ear.close());
  const app = await App.start();
  await app.online();
  await app.go("Voices");
  const all = await until(
    async () => Number.parseInt(await app.driver.text(COUNT), 10) || null,
    "the voices",
  );

  await app.driver.click('//select[@name="language"]/option[normalize-space()="Icelandic"]');
  await until(async () => Number.parseInt(await app.driver.text(COUNT), 10) < all, "fewer voices");
  expect(await app.driver.text("//main//li[1]")).toContain("Icelandic");

  ear.forget();
  await app.press("Preview");
  await until(() => app.driver.find('//button[starts-with(@aria-label, "Stop")]'), "it plays");
  await until(() => app.driver.find('//button[starts-with(@aria-label, "Preview")]'), "it has ended");
  if (noSound === null) expect(ear.loudSamples).toBeGreaterThan(2_400);
});

test.skipIf(noCheckpoint())("a voice is cloned from a file, heard, and deleted", async () => {
  const app = await App.start();
  installCheckpoint(app);
  await app.online();
  const file = await recording(app);

  await app.go("Voices");
  await app.press("Clone a voice");
  await until(
    async () => (await app.driver.text("//form")).includes("cannot clone"),
    "the model's inability",
  );
  await app.go("Settings");
  await app.press("Activate");
  await until(
    () => app.driver.find('//*[@data-model="tiny-base" and @data-model-state="active"]'),
    "it is active",
  );

  await app.go("Voices");
  await app.press("Clone a voice");
  await app.driver.type(RECORDING, file);
  await until(
    () => app.driver.find('//*[contains(@class, "chosen-recording")][contains(., ".wav")]'),
    "its name",
  );
  expect(await app.driver.text("//form")).not.toContain("cannot clone");
  await cloneWith(app, "Keeper");

  await app.press("Preview: Keeper");
  await app.press("Stop: Keeper");
  await app.press("Delete: Keeper");
  await app.press("Really delete?: Keeper");
  await until(async () => !(await app.driver.text("//main")).includes("Keeper"), "it is gone");
});

test.skipIf(noCheckpoint() ?? noSound)("a voice is cloned from the microphone", async () => {
  const app = await App.start();
  installCheckpoint(app);
  await app.online();
  onTestFinished(say(await recording(app)));
  await app.go("Settings");
  await app.press("Activate");
  await until(
    () => app.driver.find('//*[@data-model="tiny-base" and @data-model-state="active"]'),
    "it is active",
  );

  await app.go("Voices");
  await app.press("Clone a voice");
  await app.press("Record");
  await until(async () => Number.parseFloat(await app.driver.text('//*[@role="timer"]')) > 4, "four seconds");
  await app.press("Stop recording");
  await until(() => app.driver.find('//*[contains(., "Recording of")]'), "the recording");
  await cloneWith(app, "Spoken");
});
