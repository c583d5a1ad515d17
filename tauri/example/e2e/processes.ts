// Processes as Linux shows them in /proc: who is there, whose child, of which group.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Process {
  pid: number;
  parent: number;
  group: number;
  /** R, S, Z ... */
  state: string;
  command: string;
  /** When it began, in ticks: with it a process is told from a later one with the same number. */
  began: string;
}

/** A process; null if there is none, or only its remains. */
export function look(pid: number): Process | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state = "", parent = "", group = ""] = fields;
    if (state === "Z" || state === "X") return null;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return { pid, parent: Number(parent), group: Number(group), state, command, began: fields[19] ?? "" };
  } catch {
    return null;
  }
}

export function all(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => look(Number(name)))
    .filter((process) => process !== null);
}

/** All that descend from a process, itself not among them. */
export function descendants(pid: number): Process[] {
  const everybody = all();
  const found: Process[] = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = everybody.filter((each) => parents.has(each.parent));
    found.push(...children);
    parents = new Set(children.map((each) => each.pid));
  }
  return found;
}

/** Those of a group. */
export function groupOf(group: number): Process[] {
  return all().filter((each) => each.group === group);
}

/** Which of these are still there. */
export function alive(processes: readonly Process[]): Process[] {
  return processes.filter((each) => look(each.pid)?.began === each.began);
}

/** Ends them at once, if they are still what they were. */
export function kill(processes: readonly Process[]): void {
  for (const each of alive(processes)) {
    try {
      process.kill(each.pid, "SIGKILL");
    } catch {
      // It went by itself in the meantime.
    }
  }
}

/** The file that a process runs. */
export function program(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return null;
  }
}
