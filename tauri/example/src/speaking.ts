/** What it is to speak, whoever does it. The engine's way is here; the system's is beside. */

import type { Client, Player, Speech } from "tauri-plugin-qwen-tts-api";

/** A stretch of a text, in UTF-16 units, half open. */
export interface Range {
  start: number;
  end: number;
}

export type SpeakingState = "waiting" | "playing" | "paused" | "ended" | "failed";

export interface SpeakingEvents {
  changed(state: SpeakingState): void;
  /** The word that is heard now, and the passage around it. */
  at(word: Range | null, passage: Range | null): void;
  failed(message: string): void;
}

/** What has been heard. */
export interface Metrics {
  samplesPlayed: number;
  underruns: number;
  firstAudioMs: number | null;
  /** The loudest sample, 0 to 1. */
  peak: number;
}

export interface Speaking {
  pause(): void;
  resume(): void;
  stop(): void;
  /** Null where it is not known. */
  metrics(): Metrics | null;
}

/** What went wrong, in words: errors of the engine, of the plugin and of the webview all have a message. */
export function sentence(why: unknown): string {
  if (typeof why === "object" && why !== null && "message" in why) return String(why.message);
  return String(why);
}

/** Call it in the handler of a click or a key, if you can: some webviews allow sound only then. */
export function speakWithEngine(
  coming: Promise<{ client: Client; voiceId: string }>,
  player: Player,
  { text, rate }: { text: string; rate: number },
  events: SpeakingEvents,
): Speaking {
  const end = new AbortController();
  const { signal } = end;
  let speech: Speech | null = null;
  const speaking = coming.then(async ({ client, voiceId }) => {
    speech = await client.speak({ voice_id: voiceId, text, settings: { rate } }, { signal });
    return speech;
  });
  const playback = player.play(speaking, { text, signal });
  const stops = [
    playback.on("state", (state) => {
      if (state === "failed") events.failed(sentence(playback.error));
      else if (state !== "stopped") events.changed(state);
    }),
    playback.on("position", ({ range, chunk }) => events.at(range, chunk)),
  ];
  speaking.then(
    () => playback.state === "waiting" && events.changed("waiting"),
    () => {}, // The playback fails with it, and says so.
  );
  return {
    pause: () => playback.pause(),
    resume: () => playback.resume(),
    metrics: () => playback.metrics,
    stop() {
      for (const stop of stops) stop();
      void playback.stop();
      end.abort(); // Before the engine has answered, this cancels the job.
      speech?.cancel().catch(() => {}); // The engine may be gone, and the job with it.
    },
  };
}
