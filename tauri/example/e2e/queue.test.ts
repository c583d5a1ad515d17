// Documents become files, and what was made is found again.

import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { App } from "./app";
import { until } from "./until";

const FORM = '//form[@aria-label="Add a document"]';
const SENTENCE = "The tide is out, and you can walk to the lighthouse. ";

async function add(app: App, title: string, text: string): Promise<void> {
  const file = `${app.home}/${title}.txt`;
  writeFileSync(file, text);
  await app.driver.type(`${FORM}//input[@type="file"]`, file);
  await until(
    () => app.driver.find(`${FORM}//input[@name="title" and @value="${title}"]`),
    "the file's name",
  );
  await until(
    () => app.driver.click(`${FORM}//button[@type="submit" and not(@disabled)]`).then(() => true),
    "added",
  );
}

const job = (title: string, status: string) => `//li[@data-job-status="${status}"][.//*[@title="${title}"]]`;

test("a document is queued, rendered, and saved as a WAV file", async () => {
  const app = await App.start();
  await app.online();
  await app.go("Queue");
  await add(app, "Tide", SENTENCE.repeat(4));
  await until(() => app.driver.find(job("Tide", "completed")), "the document is done");

  await app.press("Save WAV");
  const path = await until(
    () => app.driver.text('//*[contains(@class, "saved")]//*[@class="path"]'),
    "it is saved",
  );

  expect(app.downloads()).toEqual([path]);
  expect(path).toMatch(/Tide\.wav$/);
  const file = readFileSync(path);
  expect(file.toString("latin1", 0, 4)).toBe("RIFF");
  expect(file.readUInt32LE(4)).toBe(file.length - 8);
  expect(file.length).toBeGreaterThan(5 * 48_000);

  await app.press("Save WAV");
  await until(() => app.downloads().length === 2, "a second file beside the first");
});

test("a long document shows its progress and the time left; it is paused, resumed and canceled", async () => {
  const app = await App.start();
  await app.online();
  await app.go("Queue");
  await add(app, "Book", SENTENCE.repeat(6_000));

  await until(
    async () => /\d+ (s|min \d+ s) left/.test(await app.driver.text(job("Book", "running"))),
    "the time left",
  );
  const done = await app.driver.evaluate<number>("return document.querySelector('li progress').value");
  await until(
    async () =>
      (await app.driver.evaluate<number>("return document.querySelector('li progress').value")) > done,
    "the bar moves",
  );
  await app.press("Pause: Book");
  await until(() => app.driver.find(job("Book", "paused")), "it is paused");
  await app.press("Resume: Book");
  await until(() => app.driver.find(job("Book", "running")), "it goes on");
  await app.press("Cancel: Book");
  await until(() => app.driver.find(job("Book", "canceled")), "it is canceled");

  await app.press("Retry: Book");
  await until(() => app.driver.find(job("Book", "running")), "it goes on behind what it has");
  await app.press("Cancel: Book");
  await until(() => app.driver.find(job("Book", "canceled")), "it is canceled again");
  await app.press("Delete: Book");
  await app.press("Really delete?: Book");
  await until(async () => !(await app.driver.text("//main")).includes("Book"), "it is gone");
});

test("the history finds jobs by what they are and what they say, page by page", async () => {
  const app = await App.start();
  await app.online();
  await app.go("Queue");
  for (let number = 1; number <= 21; number += 1)
    await add(app, `Note ${number}`, `Harbour note number ${number}.`);
  await until(() => app.driver.find(job("Note 21", "completed")), "all are done");

  await app.go("History");
  const shown = () => app.driver.evaluate<number>("return document.querySelectorAll('li.job').length");
  await until(async () => (await shown()) === 20, "the first page");
  await app.press("Older");
  await until(async () => (await shown()) === 1, "the second page");
  await app.driver.find(job("Note 1", "completed"));
  await app.press("Newer");
  await until(async () => (await shown()) === 20, "the first page again");

  await app.driver.type('//input[@name="text"]', "number 17");
  await until(async () => (await shown()) === 1, "one that says it");
  await app.driver.find(job("Note 17", "completed"));

  await app.driver.click('//select[@name="status"]/option[normalize-space()="failed"]');
  await until(async () => (await shown()) === 0, "none of them failed");
  expect(await app.driver.text("//main")).toContain("No job is like that.");
});
