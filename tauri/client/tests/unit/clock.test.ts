import { describe, expect, it } from "vitest";
import { Clock } from "../../src/clock";

describe("the frame that is heard", () => {
  it("lies between two reports as the time does", () => {
    const clock = new Clock();
    clock.add({ time: 1, frames: 0 });
    clock.add({ time: 2, frames: 100 });
    expect(clock.at(1.25)).toBe(25);
    expect(clock.at(2)).toBe(100);
  });

  it("is not one that has not been reported", () => {
    const clock = new Clock();
    clock.add({ time: 1, frames: 0 });
    clock.add({ time: 2, frames: 100 });
    expect(clock.at(9)).toBe(100);
  });

  it("is that of the time asked for, not of the last report", () => {
    const clock = new Clock();
    for (let at = 0; at <= 10; at += 1) clock.add({ time: at, frames: at * 10 });
    expect(clock.at(4.5)).toBe(45);
    expect(clock.at(9.5)).toBe(95);
  });

  it("stands still while nothing was rendered, and never goes back", () => {
    const clock = new Clock();
    clock.add({ time: 1, frames: 10 });
    clock.add({ time: 2, frames: 20 });
    expect([clock.at(1.8), clock.at(1.2)]).toEqual([18, 18]);
    clock.add({ time: 5, frames: 20 });
    expect(clock.at(4)).toBe(20);
    expect(clock.at(1)).toBe(20);
  });
});
