// What following a job takes, and whether it can be followed at all.

import { SpeechError } from "./errors.js";
import type { Impatience } from "./retries.js";

export interface FollowOptions {
  /** Begin behind this number; 0 is the beginning. */
  afterSeq?: number | undefined;
  /** The job's text, so that ranges can be told in UTF-16. */
  text?: string | undefined;
  /** Closes the connection. The job goes on; `cancel()` cancels it. */
  signal?: AbortSignal | undefined;
  /** How much unread audio may wait in memory. */
  bufferSeconds?: number | undefined;
  patience?: Impatience | undefined;
}

/** At the door: further in, a mistake would look like an engine that refuses. */
export function check(jobId: unknown, afterSeq: unknown): void {
  if (typeof jobId !== "string" || jobId === "") {
    throw new SpeechError("INVALID_REQUEST", `the job's id is ${JSON.stringify(jobId)}; it has to be a text`);
  }
  if (!Number.isSafeInteger(afterSeq) || (afterSeq as number) < 0) {
    const message = `afterSeq is ${String(afterSeq)}; it has to be a whole number, 0 or more`;
    throw new SpeechError("INVALID_REQUEST", message);
  }
}
