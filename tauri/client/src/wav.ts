// Whatever a browser can record or decode, as the WAV file that the engine takes. For pages only.

import { SpeechError } from "./errors.js";

/** The engine keeps recordings at 24 kHz; twice that loses nothing. */
const RATE = 48_000;
const HEAD_BYTES = 44;

/** Decode a recording, as of a `MediaRecorder`, and write it as a mono WAV file of 16 bits. */
export async function toWav(recording: Blob): Promise<Blob> {
  if (typeof OfflineAudioContext !== "function") {
    throw new SpeechError(
      "UNSUPPORTED",
      "there is no OfflineAudioContext here; recordings can be decoded only in a page",
    );
  }
  let decoded: AudioBuffer;
  try {
    decoded = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await recording.arrayBuffer());
  } catch (cause) {
    throw new SpeechError("INVALID_AUDIO", "this browser cannot decode the recording", { cause });
  }
  return wavOf(mixed(decoded), decoded.sampleRate);
}

/** A WAV file of mono samples between -1 and 1. */
export function wavOf(samples: Float32Array, sampleRate: number): Blob {
  const bytes = new DataView(new ArrayBuffer(HEAD_BYTES + 2 * samples.length));
  const text = (at: number, four: string) => {
    for (let index = 0; index < 4; index += 1) bytes.setUint8(at + index, four.charCodeAt(index));
  };
  text(0, "RIFF");
  bytes.setUint32(4, bytes.byteLength - 8, true);
  text(8, "WAVE");
  text(12, "fmt ");
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true); // PCM
  bytes.setUint16(22, 1, true); // mono
  bytes.setUint32(24, sampleRate, true);
  bytes.setUint32(28, 2 * sampleRate, true);
  bytes.setUint16(32, 2, true);
  bytes.setUint16(34, 16, true);
  text(36, "data");
  bytes.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, at) => {
    bytes.setInt16(HEAD_BYTES + 2 * at, Math.round(32767 * Math.max(-1, Math.min(1, sample))), true);
  });
  return new Blob([bytes.buffer as ArrayBuffer], { type: "audio/wav" });
}

function mixed(buffer: AudioBuffer): Float32Array {
  const sum = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    buffer.getChannelData(channel).forEach((sample, at) => {
      sum[at] = (sum[at] as number) + sample / buffer.numberOfChannels;
    });
  }
  return sum;
}
