// The engine lives when Qwen is chosen, and only then.

import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { App } from "./app";
import { alive, descendants, groupOf } from "./processes";
import { until } from "./until";
import { freePort } from "./webdriver";

const OFFERED = "return [...document.querySelectorAll('main button')].map((each) => each.textContent)";
const FAILURE = '//*[contains(@class, "error-message")]';

test("the app's start starts no engine", async () => {
  const app = await App.start();
  await app.go("Settings");

  expect(await app.status()).toBe("Offline");
  expect(await app.driver.text("//main")).not.toMatch(/natural/i);
  expect(app.engineProcesses()).toEqual([]);
});

test("an app that remembers Qwen starts no engine either", async () => {
  const first = await App.start();
  await first.online();
  await first.choose("system");
  await first.untilStatus("Offline");
  await first.driver.evaluate("localStorage.setItem('q3tts.provider', 'qwen')");
  await first.driver.evaluate("location.reload()");
  await until(
    async () => (await first.driver.evaluate("return document.readyState")) === "complete",
    "reloaded",
  );
  await first.go("Settings");

  expect(await first.driver.attribute('//input[@value="qwen"]', "checked")).toBe("true");
  expect(await first.status()).toBe("Offline");
  expect(first.engineProcesses()).toEqual([]);
});

test("choosing Qwen leads from Offline over Starting to Online", async () => {
  const app = await App.start();
  await app.go("Settings");
  // The page notes every word that it shows; a slow test could miss the one in between.
  await app.driver.evaluate(`
    const word = document.querySelector(".status-word");
    window.words = [word.textContent];
    new MutationObserver(() => window.words.push(word.textContent))
      .observe(word, { characterData: true, childList: true, subtree: true });
  `);

  await app.choose("qwen");
  await app.untilStatus("Online");

  expect([...new Set(await app.driver.evaluate<string[]>("return window.words"))]).toEqual([
    "Offline",
    "Starting…",
    "Online",
  ]);
  const engine = await app.engine();
  expect(alive([engine])).toHaveLength(1);
  await until(
    () => app.driver.find('//*[@data-model="espeak-ng" and @data-model-state="active"]'),
    "the models",
  );
  expect(await app.driver.text('//label[.//input[@value="qwen"]]')).toContain("espeak-ng speaks");
  expect(await app.driver.text("//main")).not.toMatch(/natural/i);
});

test("choosing another provider ends the engine and everybody in its group", async () => {
  const app = await App.start();
  const engine = await app.online();
  const everybody = [...groupOf(engine.group), ...app.engineProcesses()];

  await app.choose("system");
  await app.untilStatus("Offline");

  expect(engine.group).not.toBe(app.pid);
  expect(alive(everybody)).toEqual([]);
  expect(groupOf(engine.group)).toEqual([]);
});

test("Qwen can be chosen again and again, and leaves nobody behind", async () => {
  const app = await App.start();
  const seen = new Set<number>();
  for (let round = 0; round < 3; round += 1) {
    seen.add((await app.online()).pid);
    await app.choose("system");
    await app.untilStatus("Offline");
    expect(app.engineProcesses()).toEqual([]);
  }
  expect(seen.size).toBe(3);
});

describe("what is wrong is said", () => {
  test("the engine's file is missing", async () => {
    const app = await App.start({ engine: null, plugin: { binary: "/nowhere/qwen-tts" } });
    await app.choose("qwen");
    await app.untilStatus("Error");

    expect(await app.driver.text(FAILURE)).toContain("/nowhere/qwen-tts");
    await app.openDetails();
    expect(await app.driver.text("//details")).toContain("BINARY_MISSING");
    expect(await app.driver.evaluate(OFFERED)).not.toContain("Try again");
    await app.go("Queue");
    expect(await app.driver.text('//*[@role="alert"]')).toContain("missing");
    expect(await app.driver.evaluate(OFFERED)).not.toContain("Try again");
  });

  test("the port is another program's; when it is free, trying again helps", async () => {
    const port = await freePort();
    const other = createServer().listen(port, "127.0.0.1");
    onTestFinished(() => void other.close());
    await until(() => other.listening, "the port is taken");
    const app = await App.start({ plugin: { port } });
    await app.choose("qwen");
    await app.untilStatus("Error");

    expect(await app.driver.text(FAILURE)).toContain("another program uses the port");
    await app.openDetails();
    expect(await app.driver.text("//details")).toContain("PORT_TAKEN");
    expect(await app.driver.text("//details")).toContain(String(port));
    expect(app.engineProcesses()).toEqual([]);

    await new Promise((resolve) => other.close(resolve));
    await app.press("Try again");
    await app.untilStatus("Online");
    expect(await app.fact("port")).toBe(String(port));
  });

  test("an engine that is killed is started again by itself", async () => {
    const app = await App.start();
    const first = await app.online();

    process.kill(first.pid, "SIGKILL");
    await until(async () => Number(await app.fact("pid")) !== first.pid, "another process");
    await app.untilStatus("Online");

    const second = await app.engine();
    expect(second.pid).not.toBe(first.pid);
    expect(await app.driver.attribute('//section//*[@role="status"]', "data-restarts")).toBe("1");
    expect(groupOf(first.group)).toEqual([]);
  });

  test("an engine that is killed and may not be started again is an error, with its last lines", async () => {
    const app = await App.start({ plugin: { restarts: 0 } });
    const engine = await app.online();

    process.kill(engine.pid, "SIGKILL");
    await app.untilStatus("Error");

    await app.openDetails();
    expect(await app.driver.text("//details")).toContain("CRASHED");
    await app.press("Try again");
    await app.untilStatus("Online");
  });
});

describe("no engine outlives its app", () => {
  test("when the app is killed", async () => {
    const app = await App.start();
    await app.online();
    const everybody = descendants(app.pid).filter((each) => !/WebKit|bwrap|xdg-/.test(each.command));
    expect(everybody.length).toBeGreaterThan(0);

    process.kill(app.pid, "SIGKILL");

    await until(() => alive(everybody).length === 0, "the engine is gone");
  });

  test("when the window is closed", async () => {
    const app = await App.start();
    const engine = await app.online();
    const everybody = [...app.engineProcesses(), ...groupOf(engine.group)];

    await app.driver.closeWindow();

    await until(() => alive(everybody).length === 0, "the engine is gone");
  });

  test("when the app is told to end while the engine is starting", async () => {
    const app = await App.start();
    await app.choose("qwen");
    const everybody = await until(() => {
      const found = app.engineProcesses();
      return found.length > 0 ? found : null;
    }, "the engine's process");

    process.kill(app.pid, "SIGTERM");

    await until(() => alive(everybody).length === 0, "the engine is gone");
  });
});
