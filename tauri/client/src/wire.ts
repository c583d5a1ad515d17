// What the engine sends over its WebSockets, as docs/websocket.md says it, and how it is read.
// The OpenAPI document does not have these shapes; a test holds them to an engine.

import { SpeechError } from "./errors.js";
import type { ErrorBody, Progress } from "./types.js";

export interface WireAudio {
  /** base64 of signed 16-bit little-endian PCM */
  data_base64: string;
  format: "pcm_s16le";
  sample_rate: number;
  channels: 1;
}

/** In Unicode code points, half open. */
export interface WireRange {
  chunk_index: number;
  start_char: number;
  end_char: number;
}

export type WireEvent =
  | { type: "JOB_STARTED"; job_id: string }
  | { type: "AUDIO_CHUNK"; job_id: string; seq: number; audio: WireAudio; text_range: WireRange }
  | { type: "JOB_PROGRESS"; job_id: string; progress: Progress }
  | { type: "JOB_DONE"; job_id: string }
  | { type: "JOB_CANCELED"; job_id: string }
  | { type: "JOB_ERROR"; job_id: string; error: ErrorBody };

/** Audio as `?format=binary` sends it. */
export interface WireBlock {
  type: "AUDIO_CHUNK";
  seq: number;
  samples: Int16Array;
  sample_rate: number;
  text_range: WireRange;
}

export type WireMessage = WireBlock | Exclude<WireEvent, { type: "AUDIO_CHUNK" }>;

const HEAD_BYTES = 24;
const MAGIC = 0x31413351; // "Q3A1", little-endian

/** One message; null for an event that this client does not know yet. Throws `PROTOCOL`. */
export function decode(data: unknown): WireMessage | null {
  return data instanceof ArrayBuffer ? block(data) : event(data);
}

function block(data: ArrayBuffer): WireBlock {
  const view = new DataView(data);
  if (data.byteLength < HEAD_BYTES || view.getUint32(0, true) !== MAGIC || data.byteLength % 2 !== 0) {
    throw new SpeechError("PROTOCOL", "a binary message of the stream does not begin with an audio header");
  }
  const samples = new Int16Array((data.byteLength - HEAD_BYTES) / 2);
  for (let at = 0; at < samples.length; at += 1) samples[at] = view.getInt16(HEAD_BYTES + 2 * at, true);
  return {
    type: "AUDIO_CHUNK",
    seq: view.getUint32(4, true),
    samples,
    sample_rate: view.getUint32(20, true),
    text_range: {
      chunk_index: view.getUint32(8, true),
      start_char: view.getUint32(12, true),
      end_char: view.getUint32(16, true),
    },
  };
}

const KNOWN = new Set(["JOB_STARTED", "JOB_PROGRESS", "JOB_DONE", "JOB_CANCELED", "JOB_ERROR"]);

function event(data: unknown): Exclude<WireMessage, WireBlock> | null {
  let read: unknown;
  try {
    read = JSON.parse(String(data));
  } catch (cause) {
    throw new SpeechError("PROTOCOL", "a message of the stream is not JSON", { cause });
  }
  const type = (read as { type?: unknown } | null)?.type;
  if (typeof type !== "string") throw new SpeechError("PROTOCOL", "a message of the stream has no type");
  return KNOWN.has(type) ? (read as Exclude<WireMessage, WireBlock>) : null;
}
