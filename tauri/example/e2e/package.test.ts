// The package that people install: the engine is in it, and is found and used from where it was put.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { App } from "./app";
import { program } from "./processes";
import { until } from "./until";

const PACKAGE = process.env.E2E_DEB;

describe.skipIf(!PACKAGE)("the unpacked package", () => {
  let root = "";
  const binary = () => join(root, "usr/bin/q3tts-example");
  /** As a folder among the resources, or as one file beside the app. */
  const engine = () => {
    const inFolder = join(root, "usr/lib/q3tts-example/qwen-tts/qwen-tts");
    return existsSync(inFolder) ? inFolder : join(root, "usr/bin/qwen-tts");
  };

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "q3tts-package-"));
    execFileSync("dpkg-deb", ["-x", resolve(PACKAGE ?? ""), root]);
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test("speaks with the engine that is in it", async () => {
    expect(statSync(engine()).mode & 0o111).not.toBe(0);
    const app = await App.start({ binary: binary(), engine: null });
    const running = await app.online();
    expect(program(running.pid)).toBe(engine());

    await app.open("The tide is out.");
    await app.press("Speak");
    const page = '//*[contains(@class, "read-page")]';
    await until(
      async () => (await app.driver.attribute(page, "data-state")) === "ended",
      "the end of the text",
    );
    expect(Number(await app.driver.attribute(page, "data-samples-played"))).toBeGreaterThan(12_000);
  });

  test("says which file is missing when the engine was removed", async () => {
    const file = engine();
    renameSync(file, `${file}-away`);
    const app = await App.start({ binary: binary(), engine: null });
    await app.choose("qwen");
    await app.untilStatus("Error");

    expect(await app.driver.text('//*[contains(@class, "error-message")]')).toContain("is missing");
    await app.openDetails();
    expect(await app.driver.text("//details")).toContain(file);

    renameSync(`${file}-away`, file);
    await app.choose("system"); // What is missing does not come by trying again, so that is not offered.
    await app.choose("qwen");
    await app.untilStatus("Online");
  });
});
