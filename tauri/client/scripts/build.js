// Makes dist/: the compiled modules with their types, and the worklet as the file that it has to stay.

import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

execFileSync(process.execPath, [tsc, "-p", root], { stdio: "inherit" });
copyFileSync(join(root, "src", "player.worklet.js"), join(root, "dist", "player.worklet.js"));
