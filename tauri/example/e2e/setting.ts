// Where the app and its engine are.

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
export const TAURI = resolve(HERE, "../..");
export const REPOSITORY = resolve(TAURI, "..");
export const SCREENSHOTS = join(HERE, "screenshots");

/** The app, built by run.sh. */
export const BINARY = process.env.E2E_APP ?? join(TAURI, "target/debug/q3tts-example");

/**
 * The engine that the app is told to take. Without E2E_ENGINE it is told none, and finds the one that was bundled
 * with it.
 */
export function engineSettings(): { binary?: string } {
  const engine = process.env.E2E_ENGINE;
  return engine ? { binary: resolve(engine) } : {};
}

/** Python with the repository's packages: it writes the checkpoint that voices are cloned with. */
export const PYTHON = process.env.E2E_PYTHON ?? join(REPOSITORY, ".venv/bin/python");

/** Why no voice can be cloned here; null if one can. */
export function noCheckpoint(): string | null {
  return existsSync(PYTHON) ? null : `${PYTHON} is missing; it writes the checkpoint`;
}
