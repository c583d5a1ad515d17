/** The microphone, as a WAV file; and other recordings, as WAV files too. Knows nothing of voices. */

import workletUrl from "./recorder.worklet.js?url";

/** The engine takes recordings of 1 to 30 seconds. */
export const LONGEST_SECONDS = 30;

export interface Recorder {
  /** Ends the recording; a mono WAV file. */
  finish(): Promise<Blob>;
  /** Ends it and forgets it. */
  drop(): void;
}

/** Why this webview cannot record; null if it may. */
export function noMicrophone(): string | null {
  if (!navigator.mediaDevices?.getUserMedia)
    return "This system's webview gives apps no microphone. Open a file.";
  return null;
}

function why(error: unknown): Error {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError")
    return new Error("The microphone is not allowed for this app. Allow it, or open a file.");
  // WebKitGTK says Overconstrained when there is no device at all.
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return new Error("No microphone was found. Plug one in, or open a file.");
  }
  return new Error(`The microphone cannot be used (${name || String(error)}). Open a file instead.`);
}

/** Begins to record; `onLevel` hears how loud it is, from 0 to 1, and how many seconds there are. */
export async function record(onLevel: (peak: number, seconds: number) => void): Promise<Recorder> {
  // As it is: what makes calls clearer makes voices duller.
  const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((error: unknown) => {
    throw why(error);
  });
  const context = new AudioContext();
  const pieces: Float32Array[] = [];
  let samples = 0;
  const end = () => {
    for (const track of stream.getTracks()) track.stop();
    if (context.state !== "closed") void context.close();
  };
  try {
    await context.audioWorklet.addModule(workletUrl);
    const ear = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 1 });
    ear.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
      if (samples >= LONGEST_SECONDS * context.sampleRate) return;
      pieces.push(data);
      samples += data.length;
      onLevel(
        data.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0),
        samples / context.sampleRate,
      );
    };
    context.createMediaStreamSource(stream).connect(ear);
    ear.connect(context.destination); // It is silent; a node that leads nowhere may not be run.
    await context.resume();
  } catch (error) {
    end();
    throw why(error);
  }
  return {
    drop: end,
    async finish() {
      end();
      return wav(pieces, context.sampleRate);
    },
  };
}

/** Any recording that the webview can read, as a WAV file. */
export async function asWav(file: Blob): Promise<Blob> {
  const bytes = await file.arrayBuffer();
  const head = new TextDecoder("latin1").decode(bytes.slice(0, 12));
  if (/^RIFF[\s\S]{4}WAVE$/.test(head)) return file; // The engine reads more kinds of WAV than webviews do.
  const context = new OfflineAudioContext(1, 1, 24_000);
  try {
    const decoded = await context.decodeAudioData(bytes);
    return wav([decoded.getChannelData(0)], decoded.sampleRate);
  } catch {
    throw new Error("This webview cannot read the recording. Save it as a WAV file and open that.");
  }
}

/** Samples from -1 to 1 as a WAV file of 16 bits, mono. */
export function wav(pieces: readonly Float32Array[], rate: number): Blob {
  const samples = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * samples));
  const ascii = (at: number, text: string) => {
    for (let i = 0; i < text.length; i += 1) view.setUint8(at + i, text.charCodeAt(i));
  };
  ascii(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples, true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  ascii(36, "data");
  view.setUint32(40, 2 * samples, true);
  let at = 44;
  for (const piece of pieces) {
    for (const sample of piece) {
      view.setInt16(at, Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), true);
      at += 2;
    }
  }
  return new Blob([view.buffer], { type: "audio/wav" });
}
