// Writes src/schema.ts from the engine's own OpenAPI document; with --check it compares, and changes nothing.
// The engine need not run. Its Python is .venv/bin/python of the repository, or what Q3TTS_PYTHON says.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const repository = join(root, "..", "..");
const target = join(root, "src", "schema.ts");
const python =
  process.env.Q3TTS_PYTHON ??
  join(
    repository,
    ".venv",
    ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]),
  );

const said = execFileSync(python, ["-m", "app.api.openapi"], {
  cwd: repository,
  encoding: "utf8",
  maxBuffer: 2 ** 26,
});
// What has a default may be left out of a request.
const types = astToString(await openapiTS(JSON.parse(said), { defaultNonNullable: false }));
const text = `// Made from the engine's OpenAPI document by \`npm run generate\`. Do not edit.\n\n${types}`;

if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
  console.error("src/schema.ts is not what the engine's OpenAPI document says; run: npm run generate");
  process.exitCode = 1;
}
