// Voices, models and the engine's health, as they are now.

import type { Health, Model, Voice, VoiceFilter } from "../types.js";
import { type Loaded, useLoaded } from "./use-loaded.js";

export type { Loaded } from "./use-loaded.js";

const BUSY_MS = 700;
const HEALTH_MS = 5000;

/** Voices that were made here, newest first, then the presets. */
export function useVoices(filter: VoiceFilter = {}): Loaded<Voice[]> {
  return useLoaded(
    `voices ${JSON.stringify(filter)}`,
    (client, signal) => client.voices.list(filter, { signal }),
    () => null,
  );
}

/** The models; while one is being downloaded or loaded they are asked for again and again. */
export function useModels(): Loaded<Model[]> {
  const busy = (models: Model[]) =>
    models.some(({ state }) => state === "downloading" || state === "loading") ? BUSY_MS : null;
  return useLoaded("models", (client, signal) => client.models.list({ signal }), busy);
}

/** The engine's health, every five seconds. */
export function useHealth(everyMs: number = HEALTH_MS): Loaded<Health> {
  return useLoaded(
    "health",
    (client, signal) => client.health({ signal }),
    () => everyMs,
  );
}
