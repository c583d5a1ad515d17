// The page of the tests, built by Vite with its defaults and served under a strict policy, as an app would be.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { build, type InlineConfig, preview } from "vite";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    origin: string;
    assets: string[];
  }
}

const POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*",
  "media-src 'self' blob:",
  "worker-src 'self'",
].join("; ");

export default async function site(project: TestProject): Promise<() => Promise<void>> {
  const root = join(import.meta.dirname, "page");
  execFileSync(process.execPath, [join(import.meta.dirname, "..", "..", "scripts", "build.js")], {
    stdio: "inherit",
  });
  const outDir = mkdtempSync(join(tmpdir(), "q3tts-site-"));
  // React's development build: only that one rehearses effects in StrictMode, and complains.
  const define = { "process.env.NODE_ENV": '"development"' };
  const shared: InlineConfig = { root, configFile: false, logLevel: "warn", plugins: [react()], define };
  const input = ["index.html", "gesture.html", "hooks.html"].map((name) => join(root, name));
  await build({ ...shared, build: { outDir, emptyOutDir: true, rolldownOptions: { input } } });
  const server = await preview({
    ...shared,
    build: { outDir },
    preview: { host: "127.0.0.1", port: 0, headers: { "Content-Security-Policy": POLICY } },
  });
  const address = server.httpServer.address();
  if (address === null || typeof address === "string") throw new Error("the site has no port");
  project.provide("origin", `http://127.0.0.1:${address.port}`);
  project.provide("assets", readdirSync(join(outDir, "assets")));
  return async () => {
    await server.close();
    rmSync(outDir, { recursive: true, force: true });
  };
}
