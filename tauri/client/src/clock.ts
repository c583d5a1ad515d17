// Which frame is being heard now: what the sound reported, seen through the time that it takes to reach the ear.

import type { Report } from "./output.js";

type Moment = Pick<Report, "time" | "frames">;

export class Clock {
  #moments: Moment[] = [];
  #heard = 0;

  add({ time, frames }: Moment): void {
    this.#moments.push({ time, frames });
  }

  /** The frame that is heard at a time of the context, less what the device is behind. It never goes back. */
  at(time: number): number {
    while (this.#moments.length > 2 && (this.#moments[1] as Moment).time <= time) this.#moments.shift();
    const [before, behind] = this.#moments;
    if (before === undefined || time < before.time) return this.#heard;
    const share =
      behind && behind.time > before.time ? (time - before.time) / (behind.time - before.time) : 0;
    const frames = before.frames + Math.min(share, 1) * ((behind ?? before).frames - before.frames);
    this.#heard = Math.max(this.#heard, frames);
    return this.#heard;
  }
}

/** How far what is heard is behind what is rendered. Not every browser says it. */
export function latencyOf(context: AudioContext): number {
  const said =
    (context.outputLatency as number | undefined) || (context.baseLatency as number | undefined) || 0;
  return Math.min(Math.max(said, 0), 1);
}
