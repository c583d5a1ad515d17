// Every page and every status as a picture, light and dark, in windows of two sizes; and nothing sticks out of them.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { App, type Options } from "./app";
import { SCREENSHOTS } from "./setting";
import { until } from "./until";

const SIZES = [
  [900, 600],
  [1280, 800],
] as const;
const TEXT = `The lighthouse

The lighthouse stands where the land ends. On clear evenings you can see its lamp from the harbour, eleven miles away. Nobody lives there now; the lamp looks after itself, and the gulls look after the rest.

When the tide is out, you can walk across. Take good shoes, and do not stay for the sunset.
`;

const schemes = [
  ["light", {}],
  ["dark", { GTK_THEME: "Adwaita:dark" }],
] as const;

describe.each(schemes)("%s", (scheme, env) => {
  const start = (options: Options = {}) => App.start({ ...options, env });

  /** The screen, not the page: it shows what a person sees. */
  const picture = async (app: App, name: string) => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    for (const [width, height] of SIZES) {
      await app.driver.resize(width, height);
      await until(
        async () =>
          (await app.driver.evaluate("return innerWidth + 'x' + innerHeight")) === `${width}x${height}`,
        "the window's size",
      );
      // Two frames later it is drawn.
      await app.driver.evaluateAsync(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(0)))",
      );
      const file = join(SCREENSHOTS, `${name}-${scheme}-${width}x${height}.png`);
      execFileSync("import", ["-window", "root", "-crop", `${width}x${height}+0+0`, "+repage", file]);
      const outside = await app.driver.evaluate<string[]>(`
        return [...document.querySelectorAll("main *, nav *")]
          .filter((each) => !each.closest("select, .unseen, pre") && each.getClientRects().length > 0)
          .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
          .map((each) => each.outerHTML.slice(0, 80));
      `);
      expect(outside).toEqual([]);
    }
  };

  test("without an engine", async () => {
    const app = await start();
    await picture(app, "read-system");
    await app.go("Queue");
    await picture(app, "queue-system");
    await app.go("Settings");
    await picture(app, "settings-system");
  });

  test("the page's colours follow the system", async () => {
    const app = await start();
    const paper = await app.driver.evaluate<string>("return getComputedStyle(document.body).backgroundColor");
    const [red = 0] = paper.match(/\d+/g)?.map(Number) ?? [];
    expect(red < 128).toBe(scheme === "dark");
  });

  test("with the engine", async () => {
    const app = await start();
    await app.online();
    await app.openDetails();
    await picture(app, "settings-online");

    await app.open(TEXT);
    await app.press("Speak");
    await until(
      async () =>
        (await app.driver.evaluate("return document.querySelector('mark')?.textContent")) === "evenings",
      "a word",
    );
    await app.press("Pause");
    await picture(app, "read-paused");
    await app.go("Voices");
    await picture(app, "voices");
    await app.press("Clone a voice");
    await picture(app, "cloning");

    await app.go("Queue");
    for (const [title, text] of [
      ["The lighthouse", TEXT],
      [
        "A long walk along the coast, with many words and a title that does not fit into a small window",
        TEXT.repeat(800),
      ],
    ] as const) {
      await app.driver.type('//input[@name="title"]', title);
      writeFileSync(join(app.home, "document.txt"), text);
      await app.driver.type('//form//input[@type="file"]', join(app.home, "document.txt"));
      await app.press("Add to the queue");
    }
    await until(
      () => app.driver.evaluate<boolean>("return (document.querySelector('li progress')?.value ?? 0) > 0"),
      "the first of the document",
    );
    await app.press("Pause: ");
    await until(() => app.driver.find('//li[@data-job-status="paused"]'), "it is paused");
    await picture(app, "queue");
    await app.press("Cancel: ");
    await until(() => app.driver.find('//li[@data-job-status="canceled"]'), "it is canceled");
    await app.go("History");
    await until(() => app.driver.find("//li[@data-job]"), "the jobs");
    await picture(app, "history");

    await app.go("Settings");
    process.kill((await app.engine()).pid, "SIGSTOP"); // An engine that takes its time to stop.
    await app.choose("system");
    await app.untilStatus("Stopping…");
    await picture(app, "settings-stopping");
  });

  test("an engine that is starting, and one that does not start", async () => {
    const slow = await start();
    const file = join(slow.home, "slow-engine");
    writeFileSync(file, '#!/bin/sh\necho \'{"event":"phase","phase":"importing"}\'\ncat >/dev/null\n');
    chmodSync(file, 0o755);
    const app = await start({ home: slow.home, plugin: { binary: file } });
    await app.choose("qwen");
    await until(
      async () => (await app.driver.text('//section//*[@role="status"]')).includes("loading its parts"),
      "the phase",
    );
    await picture(app, "settings-starting");
    await app.go("Voices");
    await picture(app, "voices-starting");
  });

  test("an error", async () => {
    const app = await start({ plugin: { binary: "/nowhere/qwen-tts" } });
    await app.choose("qwen");
    await app.untilStatus("Error");
    await app.openDetails();
    await picture(app, "settings-error");
    await app.go("History");
    await picture(app, "history-error");
    await app.open(TEXT);
    await app.press("Speak");
    await until(() => app.driver.find('//*[@role="alert"]'), "the reason");
    await picture(app, "read-error");
  });
});
