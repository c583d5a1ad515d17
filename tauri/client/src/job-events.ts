// What happens to all jobs, over `/v1/events`. There is no replay: after each `CONNECTED`, read the list of jobs.

import type { SpeechError } from "./errors.js";
import { type Http, unreachable } from "./http.js";
import { Inbox } from "./inbox.js";
import { refusal } from "./refusal.js";
import { type Impatience, Retries } from "./retries.js";
import { open, type SocketMaker } from "./socket.js";
import { decode, type WireEvent } from "./wire.js";

/** `CONNECTED` comes first, and again after each time that the connection was lost: events may be missing before it. */
export type JobEvent = { type: "CONNECTED" } | Exclude<WireEvent, { type: "AUDIO_CHUNK" }>;

export interface EventsOptions {
  signal?: AbortSignal | undefined;
  patience?: Impatience | undefined;
}

export function jobEvents(
  http: Http,
  maker: SocketMaker | undefined,
  options: EventsOptions,
): AsyncIterable<JobEvent> {
  return {
    [Symbol.asyncIterator]() {
      const inbox = new Inbox<JobEvent>();
      const stop = new AbortController();
      const aborted = () => {
        inbox.clear({ error: options.signal?.reason });
        stop.abort(options.signal?.reason);
      };
      options.signal?.addEventListener("abort", aborted, { once: true });
      if (options.signal?.aborted) aborted();
      follow(http, maker, options, inbox, stop.signal).catch((error) => inbox.fail(error));
      return {
        next: () => inbox.next(),
        return: async () => {
          options.signal?.removeEventListener("abort", aborted);
          inbox.clear();
          stop.abort();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

async function follow(
  http: Http,
  maker: SocketMaker | undefined,
  options: EventsOptions,
  inbox: Inbox<JobEvent>,
  signal: AbortSignal,
): Promise<void> {
  const retries = new Retries(options.patience);
  const limitSeconds = retries.patience.answerSeconds;
  let why: SpeechError | undefined;
  for (;;) {
    signal.throwIfAborted();
    retries.begins();
    let heard = false;
    const connection = http.link.current;
    const opened = await new Promise<boolean>((resolve, reject) => {
      const aborted = () => {
        close();
        reject(signal.reason);
      };
      const close = open(maker, connection, "/events", limitSeconds, {
        open: () => inbox.push({ type: "CONNECTED" }),
        message: (data) => {
          try {
            const event = decode(data);
            heard = true;
            if (event !== null && event.type !== "AUDIO_CHUNK") inbox.push(event);
          } catch (error) {
            signal.removeEventListener("abort", aborted);
            close();
            reject(error);
          }
        },
        closed: (_code, _reason, wasOpen) => {
          signal.removeEventListener("abort", aborted);
          resolve(wasOpen);
        },
      });
      signal.addEventListener("abort", aborted, { once: true });
      if (signal.aborted) aborted();
    });
    if (heard) retries.succeeded();
    else if (opened) retries.lasted();
    const refused = opened ? null : await refusal(http, connection, signal, { limitSeconds });
    why = refused?.why ?? why;
    const atOnce = refused?.renewed === true && retries.renewed();
    if (!atOnce && !(await retries.next(signal))) throw unreachable(connection, why);
  }
}
