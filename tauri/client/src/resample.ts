// From the stream's rate to the context's, block by block and without a seam. A windowed sinc of 32 taps: a straight
// line between samples would take the brightness from a voice.

const HALF = 16;
/** Phases between two samples that are computed beforehand; the nearest one is taken. */
const PHASES = 512;

export class Resampler {
  readonly #step: number;
  readonly #table: Float32Array | null;
  /** The last samples of what came, with silence before the first. */
  #tail = new Float32Array(2 * HALF);
  /** The place of the next frame, in samples of the stream from the beginning of the tail. */
  #place = 2 * HALF;
  #came = 0;
  #made = 0;

  constructor(
    readonly from: number,
    readonly to: number,
  ) {
    this.#step = from / to;
    this.#table = from === to ? null : kernel(Math.min(1, to / from));
  }

  /** What can be made now. It lags behind by some samples, which `end` brings. */
  push(samples: Int16Array): Float32Array<ArrayBuffer> {
    const block = Float32Array.from(samples, (sample) => sample / 32768);
    this.#came += block.length;
    return this.#table === null ? block : this.#make(block, Number.POSITIVE_INFINITY);
  }

  /** The rest: all of it together has as many frames as the stream's length says. */
  end(): Float32Array<ArrayBuffer> {
    if (this.#table === null) return new Float32Array(0);
    return this.#make(
      new Float32Array(2 * HALF),
      Math.round((this.#came * this.to) / this.from) - this.#made,
    );
  }

  #make(block: Float32Array, most: number): Float32Array<ArrayBuffer> {
    const input = new Float32Array(this.#tail.length + block.length);
    input.set(this.#tail);
    input.set(block, this.#tail.length);
    const possible = Math.floor((input.length - HALF - this.#place) / this.#step);
    const out = new Float32Array(Math.max(0, Math.min(possible, most)));
    const table = this.#table as Float32Array;
    let place = this.#place;
    for (let at = 0; at < out.length; at += 1) {
      const whole = Math.floor(place);
      const phase = Math.round((place - whole) * PHASES);
      const taps = phase * 2 * HALF;
      let sum = 0;
      for (let tap = 0; tap < 2 * HALF; tap += 1) {
        sum += (input[whole - HALF + 1 + tap] as number) * (table[taps + tap] as number);
      }
      out[at] = sum;
      place += this.#step;
    }
    this.#made += out.length;
    const used = Math.max(0, Math.min(Math.floor(place) - HALF, input.length - 2 * HALF));
    this.#tail = input.slice(used);
    this.#place = place - used;
    return out;
  }
}

/** One row of taps for each phase; each row adds up to 1. */
function kernel(cutoff: number): Float32Array {
  const table = new Float32Array((PHASES + 1) * 2 * HALF);
  for (let phase = 0; phase <= PHASES; phase += 1) {
    const row = table.subarray(phase * 2 * HALF, (phase + 1) * 2 * HALF);
    let sum = 0;
    for (let tap = 0; tap < 2 * HALF; tap += 1) {
      const x = tap - HALF + 1 - phase / PHASES;
      const window = 0.42 + 0.5 * Math.cos((Math.PI * x) / HALF) + 0.08 * Math.cos((2 * Math.PI * x) / HALF);
      row[tap] = sinc(cutoff * x) * (Math.abs(x) <= HALF ? window : 0);
      sum += row[tap] as number;
    }
    for (let tap = 0; tap < 2 * HALF; tap += 1) row[tap] = (row[tap] as number) / sum;
  }
  return table;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
