// A recording as the engine takes it: a path of its machine, or the bytes of a WAV file as base64.

import { SpeechError } from "./errors.js";
import type { Recording } from "./types.js";

/** The engine's limit. */
const MOST_BYTES = 20_000_000;

/** A multiple of three, so that the pieces can be joined; and few enough for one call's arguments. */
const PIECE = 3 * 8192;

export async function refAudio(recording: Recording): Promise<{ path: string } | { wav_base64: string }> {
  if (recording instanceof ArrayBuffer) return { wav_base64: base64(new Uint8Array(recording)) };
  if (ArrayBuffer.isView(recording)) {
    const { buffer, byteOffset, byteLength } = recording;
    return { wav_base64: base64(new Uint8Array(buffer, byteOffset, byteLength)) };
  }
  if (recording instanceof Blob) {
    fits(recording.size);
    return { wav_base64: base64(new Uint8Array(await recording.arrayBuffer())) };
  }
  return { path: recording.path };
}

export function base64(bytes: Uint8Array): string {
  fits(bytes.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)));
  }
  return text;
}

function fits(bytes: number): void {
  if (bytes <= MOST_BYTES) return;
  throw new SpeechError("TOO_LARGE", `the recording has ${bytes} bytes; it may have ${MOST_BYTES}`);
}
