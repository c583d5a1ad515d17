// What a playback tells and is told: states, places, numbers.

import type { Output, Report } from "./output.js";
import type { StreamEvent } from "./stream-event.js";
import type { TextRange } from "./types.js";

export type PlaybackState = "waiting" | "playing" | "paused" | "stopped" | "ended" | "failed";

/** In which nothing more happens. */
export const FINAL: ReadonlySet<PlaybackState> = new Set(["stopped", "ended", "failed"]);

/** `audio`: it has not come yet, or not fast enough. `gesture`: the browser plays only after a click or a key. */
export type WaitingFor = "audio" | "gesture";

export interface Position {
  /** Of the audio that has been heard. */
  seconds: number;
  /** The word that is being heard, in UTF-16 units of the text: an estimate within the chunk. */
  range: TextRange | null;
  /** The stretch of text that is being heard: exact. */
  chunk: TextRange | null;
}

export interface Metrics {
  /** From `play` to the first sound that was rendered. */
  firstAudioMs: number | null;
  /** How often the sound had to wait for more, once it had begun. */
  underruns: number;
  /** Of the stream, at its own rate. */
  samplesPlayed: number;
  /** The loudest sample, 0 to 1. */
  peak: number;
  output: Output["kind"] | null;
}

export interface PlaybackEvents {
  state: PlaybackState;
  position: Position;
  /** What the stream said, as it is read; its audio is heard later. */
  event: StreamEvent;
}

export interface PlayOptions {
  /** The text that is spoken; a `Speech` of `Client.speak` knows it. */
  text?: string | undefined;
  /** The language of the text, for where its words begin. */
  locale?: string | undefined;
  /** Stops. */
  signal?: AbortSignal | undefined;
}

export interface Sound {
  context: AudioContext;
  output: Output;
  /** Let the context run again, if it does not. */
  wake(): void;
}

export interface Source extends AsyncIterable<StreamEvent> {
  readonly text?: string | undefined;
  /** Stops what is heard at once, although more of it has been read. */
  readonly canceled?: AbortSignal | undefined;
}

/** Opens the sound; reports come to the playback that asked. */
export type OpenSound = (
  report: (report: Report) => void,
  failed: (error: unknown) => void,
) => Promise<Sound>;
