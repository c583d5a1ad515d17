// The output where there is no AudioWorklet: each block is a buffer that is started at its own frame of the context's
// clock. Fades are drawn by a gain node. What has not been heard is kept, for a pause.

import { type Output, type OutputOptions, type OutputState, RAMP_SECONDS } from "./output.js";

/** A little later than now, so that the first frames are not too late. */
const LEAD_SECONDS = 0.05;
const TICK_MS = 20;

interface Block {
  samples: Float32Array<ArrayBuffer>;
  /** Its first frame, counted from the beginning. */
  start: number;
  source: AudioBufferSourceNode | null;
}

export class ScheduledOutput implements Output {
  readonly kind = "scheduled";
  readonly #context: AudioContext;
  readonly #options: OutputOptions;
  readonly #gain: GainNode;
  readonly #timer: ReturnType<typeof setInterval>;
  #blocks: Block[] = [];
  #state: OutputState = "filling";
  #wanted: "playing" | "paused" = "playing";
  #ended = false;
  #pushed = 0;
  /** Frame `#from` is heard at the context's time `#since`, while playing. */
  #from = 0;
  #since = 0;
  #underruns = 0;
  #peak = 0;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#gain = this.#context.createGain();
    this.#gain.connect(this.#context.destination);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  push(samples: Float32Array<ArrayBuffer>): void {
    if (samples.length === 0) return;
    const block: Block = { samples, start: this.#pushed, source: null };
    this.#pushed += samples.length;
    this.#blocks.push(block);
    this.#tick();
    if (this.#state === "playing" && block.source === null) this.#schedule(block);
    this.#draw();
  }

  end(): void {
    this.#ended = true;
    this.#tick();
    this.#draw();
  }

  pause(): void {
    this.#wanted = "paused";
    if (this.#state === "playing") this.#silence("paused");
    this.#tick();
  }

  resume(): void {
    this.#wanted = "playing";
    this.#tick();
  }

  stop(): void {
    if (this.#state === "playing") this.#silence("stopped");
    else this.#state = "stopped";
    this.#tick();
  }

  #tick(): void {
    const now = this.#context.currentTime;
    const heard = this.#heard(now);
    for (const { samples, start } of this.#blocks) {
      if (start + samples.length <= heard)
        for (const one of samples) this.#peak = Math.max(this.#peak, Math.abs(one));
    }
    this.#blocks = this.#blocks.filter(({ samples, start }) => start + samples.length > heard);
    if (this.#state === "playing" && heard >= this.#pushed) this.#ranDry();
    if (this.#state === "filling" || this.#state === "paused") this.#begin(now);
    const frames = this.#heard(now);
    this.#options.report({
      state: this.#state,
      time: now,
      frames,
      underruns: this.#underruns,
      peak: this.#peak,
    });
    if (this.#state === "stopped" || this.#state === "drained") this.#close();
  }

  #heard(now: number): number {
    if (this.#state !== "playing") return this.#from;
    // Times are sums of fractions: a hair below a whole frame is that frame.
    const frames = Math.floor((now - this.#since) * this.#context.sampleRate + 0.001);
    return Math.max(this.#from, Math.min(this.#from + frames, this.#pushed));
  }

  #ranDry(): void {
    this.#from = this.#pushed;
    this.#state = this.#ended ? "drained" : "filling";
    if (!this.#ended) this.#underruns += 1;
  }

  #begin(now: number): void {
    if (this.#wanted === "paused") {
      this.#state = "paused";
      return;
    }
    const buffered = this.#pushed - this.#from;
    const { sampleRate } = this.#context;
    if (this.#ended && buffered === 0) this.#state = "drained";
    else if (!this.#ended && buffered < this.#options.prebufferSeconds * sampleRate) this.#state = "filling";
    else {
      this.#state = "playing";
      this.#since = Math.ceil((now + LEAD_SECONDS) * sampleRate) / sampleRate; // on a frame
      for (const block of this.#blocks) this.#schedule(block);
      this.#draw();
    }
  }

  #schedule(block: Block): void {
    const { sampleRate } = this.#context;
    const skipped = Math.max(0, this.#from - block.start);
    const buffer = this.#context.createBuffer(1, block.samples.length, sampleRate);
    buffer.copyToChannel(block.samples, 0);
    block.source = this.#context.createBufferSource();
    block.source.buffer = buffer;
    block.source.connect(this.#gain);
    const at = this.#since + (block.start + skipped - this.#from) / sampleRate;
    block.source.start(at, skipped / sampleRate);
  }

  /** The loudness from now on. Until more comes, what is here ends with a fade. */
  #draw(): void {
    if (this.#state !== "playing") return;
    const { gain } = this.#gain;
    const { currentTime, sampleRate } = this.#context;
    const begin = Math.max(currentTime, this.#since);
    // The very first sample needs no fade: the audio has its own beginning.
    const now = currentTime > this.#since ? gain.value : Number(this.#from === 0);
    const end = this.#since + (this.#pushed - this.#from) / sampleRate;
    gain.cancelScheduledValues(0);
    gain.setValueAtTime(now, begin);
    gain.linearRampToValueAtTime(1, begin + RAMP_SECONDS);
    if (this.#ended) return;
    gain.setValueAtTime(1, Math.max(end - RAMP_SECONDS, begin + RAMP_SECONDS));
    gain.linearRampToValueAtTime(0, Math.max(end, begin + 2 * RAMP_SECONDS));
  }

  /** Fade, and forget the plan. What was not heard is played again after a pause. */
  #silence(state: "paused" | "stopped"): void {
    const { currentTime } = this.#context;
    const until = currentTime + RAMP_SECONDS;
    const heard = this.#heard(until);
    this.#gain.gain.cancelScheduledValues(currentTime);
    this.#gain.gain.setValueAtTime(this.#gain.gain.value, currentTime);
    this.#gain.gain.linearRampToValueAtTime(0, until);
    for (const block of this.#blocks) {
      block.source?.stop(until);
      block.source = null;
    }
    this.#from = heard;
    this.#state = state;
  }

  #close(): void {
    clearInterval(this.#timer);
    this.#blocks = [];
    // The fade is still to be heard.
    setTimeout(() => this.#gain.disconnect(), 1000 * RAMP_SECONDS + 100);
  }
}
