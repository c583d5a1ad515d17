// Puts the single-file engine where Tauri looks for an external binary: src-tauri/binaries/qwen-tts-<target triple>.
// Made for `tauri build --config src-tauri/tauri.externalbin.conf.json`.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const host = () => /^host: (\S+)$/m.exec(execFileSync("rustc", ["-vV"], { encoding: "utf8" }))?.[1];
const triple = process.argv[2] ?? process.env.TAURI_ENV_TARGET_TRIPLE ?? host();
const name = `qwen-tts-${triple}${triple?.includes("windows") ? ".exe" : ""}`;
const from = join(import.meta.dirname, "../../dist", name);
const folder = join(import.meta.dirname, "src-tauri/binaries");

if (!existsSync(from)) {
  console.error(`${from} is missing; make it with bundle.py, as the README says.`);
  process.exit(1);
}
mkdirSync(folder, { recursive: true });
copyFileSync(from, join(folder, name));
chmodSync(join(folder, name), 0o755);
console.log(`src-tauri/binaries/${name}`);
