// What a playback needs of the sound: it takes blocks at the context's rate, plays them without a gap, and reports.
// There are two: the worklet, and scheduled buffers where a browser has no worklet.

export type OutputState = "filling" | "playing" | "paused" | "drained" | "stopped";

export interface Report {
  state: OutputState;
  /** The context's time at which `frames` frames had been rendered. */
  time: number;
  frames: number;
  underruns: number;
  /** The loudest sample so far, 0 to 1. */
  peak: number;
}

export interface Output {
  readonly kind: "worklet" | "scheduled";
  push(samples: Float32Array<ArrayBuffer>): void;
  /** No more blocks come; play what is here. */
  end(): void;
  pause(): void;
  resume(): void;
  /** Fade in a few milliseconds and forget what is queued. */
  stop(): void;
}

export interface OutputOptions {
  context: AudioContext;
  prebufferSeconds: number;
  report(report: Report): void;
  failed(error: unknown): void;
}

export const RAMP_SECONDS = 0.005;
