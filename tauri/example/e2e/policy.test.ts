// What the page may do, and what it may not.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { App } from "./app";
import { REPOSITORY } from "./setting";
import { until } from "./until";

/** The policy that the documentation has for a new app. */
function documented(): string {
  const page = readFileSync(join(REPOSITORY, "docs", "tauri.md"), "utf8");
  const policy = /"csp": "([^"]+)"/.exec(page)?.[1];
  if (policy === undefined) throw new Error("docs/tauri.md has no policy");
  return policy;
}

test("neither inline scripts nor other hosts are allowed, and no page breaks the rules by itself", async () => {
  const app = await App.start();
  await app.driver.evaluate(`
    window.broken = [];
    document.addEventListener("securitypolicyviolation", (event) => window.broken.push(event.effectiveDirective));
  `);
  await app.online();
  for (const page of ["Read", "Queue", "Voices", "History", "Settings"] as const) await app.go(page);
  expect(await app.driver.evaluate("return window.broken")).toEqual([]);

  await app.driver.evaluate(`
    const script = document.createElement("script");
    script.textContent = "window.inlined = true";
    document.body.append(script);
    fetch("http://example.com/").catch(() => {});
    document.body.setAttribute("style", "color: red");
    const frame = document.createElement("iframe");
    frame.src = "data:text/html,x";
    document.body.append(frame);
  `);
  const broken = await until(async () => {
    const found = await app.driver.evaluate<string[]>("return window.broken");
    return found.length >= 4 ? found : null;
  }, "four violations");
  expect(broken.map((each) => each.replace(/-(elem|attr)$/, "")).toSorted()).toEqual([
    "connect-src",
    "frame-src",
    "script-src",
    "style-src",
  ]);
  expect(await app.driver.evaluate("return window.inlined ?? null")).toBeNull();
});

test.each([
  ["the example's own", null],
  ["the documented one", documented()],
])("pictures that a bundler puts inline are shown: %s", async (_, policy) => {
  const app = await App.start();
  // A second policy can only take away: with the documented one in force as well, the picture has to be shown still.
  const size = await app.driver.evaluateAsync<number>(
    `
      const [policy, done] = arguments;
      const page = document;
      if (policy !== null) {
        const meta = page.createElement("meta");
        meta.httpEquiv = "Content-Security-Policy";
        meta.content = policy;
        page.head.append(meta);
      }
      const picture = new Image();
      picture.onload = () => done(picture.naturalWidth);
      picture.onerror = () => done(0);
      picture.src = "data:image/gif;base64,R0lGODlhAQABAIAAAP///////yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==";
      page.body.append(picture);
    `,
    policy,
  );
  expect(size).toBe(1);
});

test("the page may use the plugin's commands and hear events; it may not emit them, nor touch its window", async () => {
  const app = await App.start();
  const invoke = (command: string) => `
    const done = arguments[arguments.length - 1];
    window.__TAURI_INTERNALS__.invoke(${JSON.stringify(command)}).then(() => done("done"), (why) => done(String(why)));
  `;
  expect(await app.driver.evaluateAsync(invoke("plugin:qwen-tts|get_qwen_status"))).toBe("done");
  for (const command of [
    "plugin:event|emit",
    "plugin:window|close",
    "plugin:webview|create_webview_window",
  ]) {
    expect(await app.driver.evaluateAsync(invoke(command))).toContain("not allowed");
  }
});
