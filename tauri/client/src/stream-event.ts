// What a `Speech` hands out: the engine's events by their own names, audio as samples, places in UTF-16.

import { Offsets } from "./offsets.js";
import type { Progress, TextRange } from "./types.js";
import type { WireMessage } from "./wire.js";

export interface AudioEvent {
  type: "AUDIO_CHUNK";
  job_id: string;
  seq: number;
  /** Mono, 16 bits. */
  samples: Int16Array;
  sample_rate: number;
  /** The stretch of text that is being spoken; several events in a row belong to one. */
  chunk: SpokenChunk;
}

export interface SpokenChunk {
  index: number;
  /** Null when the text of the job is not known here: `follow` without `text`. */
  range: TextRange | null;
}

/** `JOB_ERROR` is not among them: it is thrown, as a `SpeechError`. */
export type StreamEvent =
  | { type: "JOB_STARTED"; job_id: string }
  | AudioEvent
  | { type: "JOB_PROGRESS"; job_id: string; progress: Progress }
  | { type: "JOB_DONE"; job_id: string }
  | { type: "JOB_CANCELED"; job_id: string };

/** From what was received to what is handed out, for one job. */
export class Reading {
  readonly #jobId: string;
  readonly #offsets: Offsets | null;

  constructor(jobId: string, text: string | undefined) {
    this.#jobId = jobId;
    this.#offsets = text === undefined ? null : new Offsets(text);
  }

  of(message: Exclude<WireMessage, { type: "JOB_ERROR" }>): StreamEvent {
    if (message.type !== "AUDIO_CHUNK") return message;
    const { text_range: where, ...audio } = message;
    const range = this.#offsets?.range(where.start_char, where.end_char) ?? null;
    return { ...audio, job_id: this.#jobId, chunk: { index: where.chunk_index, range } };
  }
}
