// Plays blocks of samples without a gap, on the browser's audio thread. It knows neither the stream nor the text.
//
// This is a file of its own, in plain JavaScript without imports: a page loads it by its address, since a strict
// Content-Security-Policy allows no `blob:` and no `data:` script. For the same reason a bundler must not inline it;
// Vite leaves files of more than 4 KB alone.
//
// To it:    {type: "push", samples: Float32Array}, {type: "end"}, {type: "pause"}, {type: "resume"}, {type: "stop"}
// From it:  {type: "report", state, time, frames, underruns, peak}
//
// Samples are at the context's own rate. `frames` counts those that were rendered, `time` is the context's time behind
// the last of them.

/* global AudioWorkletProcessor, currentTime, registerProcessor, sampleRate */

const REPORT_SECONDS = 0.02;

class Q3ttsPlayer extends AudioWorkletProcessor {
  constructor(options) {
    super();
    const { prebufferFrames, rampFrames } = options.processorOptions;
    this.prebuffer = prebufferFrames;
    this.step = 1 / rampFrames;
    this.ramp = rampFrames;
    this.blocks = [];
    this.place = 0; // within the first block
    this.buffered = 0;
    this.ended = false;
    /** What was asked for; `state` follows when the sound has faded. */
    this.wanted = "playing";
    this.state = "filling";
    this.gain = 1;
    this.frames = 0;
    this.underruns = 0;
    this.peak = 0;
    this.reported = 0;
    this.port.onmessage = ({ data }) => this.told(data);
  }

  told(message) {
    if (message.type === "push") {
      this.blocks.push(message.samples);
      this.buffered += message.samples.length;
    } else if (message.type === "end") {
      this.ended = true;
    } else if (message.type === "pause") {
      if (this.wanted === "playing") this.wanted = "paused";
    } else if (message.type === "resume") {
      if (this.wanted === "paused") this.wanted = "playing";
    } else if (message.type === "stop") {
      this.wanted = "stopped";
    }
  }

  process(_inputs, outputs) {
    const channels = outputs[0];
    const first = channels[0];
    const before = this.state;
    this.settle();
    let at = 0;
    if (this.state === "playing") at = this.render(first);
    for (; at < first.length; at += 1) first[at] = 0;
    for (let channel = 1; channel < channels.length; channel += 1) channels[channel].set(first);
    const behind = currentTime + first.length / sampleRate;
    if (this.state !== before || behind - this.reported >= REPORT_SECONDS) this.report(behind);
    return this.state !== "stopped" && this.state !== "drained";
  }

  /** The state that this block begins in. */
  settle() {
    if (this.state === "playing") return; // the sound fades first
    if (this.wanted === "stopped") this.state = "stopped";
    else if (this.wanted === "paused") this.state = "paused";
    else if (this.ended && this.buffered === 0) this.state = "drained";
    else if (this.ended || this.buffered >= this.prebuffer) this.state = "playing";
    else this.state = "filling";
  }

  /** How many frames of the block were filled. */
  render(out) {
    for (let at = 0; at < out.length; at += 1) {
      if (this.wanted !== "playing" && this.gain <= 0) {
        this.state = this.wanted;
        return at;
      }
      if (this.buffered === 0) {
        this.runDry();
        return at;
      }
      // When the end of what is here comes close and more has to come, fade: the fade ends with the last sample.
      const loud = this.wanted === "playing" && (this.ended || this.buffered > this.ramp);
      this.gain = loud ? Math.min(1, this.gain + this.step) : Math.max(0, this.gain - this.step);
      const sample = this.take() * this.gain;
      out[at] = sample;
      if (sample > this.peak) this.peak = sample;
      else if (-sample > this.peak) this.peak = -sample;
    }
    if (this.buffered === 0 && this.ended) this.runDry();
    return out.length;
  }

  runDry() {
    if (this.wanted !== "playing") {
      this.state = this.wanted;
    } else if (this.ended) {
      this.state = "drained";
    } else {
      this.state = "filling";
      this.underruns += 1;
    }
  }

  take() {
    const block = this.blocks[0];
    const sample = block[this.place];
    this.place += 1;
    this.buffered -= 1;
    this.frames += 1;
    if (this.place === block.length) {
      this.blocks.shift();
      this.place = 0;
    }
    return sample;
  }

  report(time) {
    this.reported = time;
    const { state, frames, underruns, peak } = this;
    this.port.postMessage({ type: "report", state, time, frames, underruns, peak });
  }
}

registerProcessor("q3tts-player", Q3ttsPlayer);
