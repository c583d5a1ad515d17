// The output over the worklet: messages to it, reports from it.

import { type Output, type OutputOptions, RAMP_SECONDS, type Report } from "./output.js";

/** The file beside this module, wherever a bundler puts it. */
const defaultUrl = () => new URL("./player.worklet.js", import.meta.url);

const loaded = new WeakMap<BaseAudioContext, Promise<void>>();

/** Load the worklet into a context, once. Rejects where there is none, or when the page may not load it. */
export function loadWorklet(context: AudioContext, workletUrl: string | URL | undefined): Promise<void> {
  let loading = loaded.get(context);
  if (loading === undefined) {
    loading = addModule(context, workletUrl);
    loaded.set(context, loading);
  }
  return loading;
}

async function addModule(context: AudioContext, workletUrl: string | URL | undefined): Promise<void> {
  // Missing where the page is no secure context; the type does not say so.
  const worklet = context.audioWorklet as AudioWorklet | undefined;
  if (worklet === undefined || typeof AudioWorkletNode !== "function")
    throw new Error("no AudioWorklet here");
  await worklet.addModule(workletUrl ?? defaultUrl());
}

export class WorkletOutput implements Output {
  readonly kind = "worklet";
  readonly #node: AudioWorkletNode;

  constructor({ context, prebufferSeconds, report, failed }: OutputOptions) {
    this.#node = new AudioWorkletNode(context, "q3tts-player", {
      numberOfInputs: 0,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      processorOptions: {
        prebufferFrames: Math.round(prebufferSeconds * context.sampleRate),
        rampFrames: Math.max(1, Math.round(RAMP_SECONDS * context.sampleRate)),
      },
    });
    this.#node.port.onmessage = ({ data }: MessageEvent<Report>) => {
      if (data.state === "stopped" || data.state === "drained") this.#close();
      report(data);
    };
    this.#node.onprocessorerror = () => {
      this.#close();
      failed(new Error("the audio worklet failed"));
    };
    this.#node.connect(context.destination);
  }

  push(samples: Float32Array<ArrayBuffer>): void {
    if (samples.length > 0) this.#node.port.postMessage({ type: "push", samples }, [samples.buffer]);
  }

  end(): void {
    this.#node.port.postMessage({ type: "end" });
  }

  pause(): void {
    this.#node.port.postMessage({ type: "pause" });
  }

  resume(): void {
    this.#node.port.postMessage({ type: "resume" });
  }

  stop(): void {
    this.#node.port.postMessage({ type: "stop" });
  }

  #close(): void {
    this.#node.port.onmessage = null;
    this.#node.disconnect();
  }
}
