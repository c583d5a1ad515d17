// One job's events with its audio, in order and without a gap, whatever happens to the connection.
//
// A page cannot make a WebSocket wait, so a reader that is slower than the engine would collect the whole job in
// memory. Instead the socket is closed when more than `bufferSeconds` of audio wait to be read, and a new one goes on
// behind the last number when half of it has been read: the engine replays the same bytes under the same numbers.

import type { Connection } from "./connection.js";
import { errorOf, SpeechError } from "./errors.js";
import { check, type FollowOptions } from "./following.js";
import { type Http, unreachable } from "./http.js";
import { Inbox } from "./inbox.js";
import { refusal } from "./refusal.js";
import { Retries } from "./retries.js";
import { open, type SocketMaker } from "./socket.js";
import { Reading, type StreamEvent } from "./stream-event.js";
import { decode, type WireMessage } from "./wire.js";

/** How a socket ended: for good, because enough is queued, or so that the next one may go on. */
type Ended = { done: true } | { full: true } | { code: number; reason: string; opened: boolean };

export class Speech implements AsyncIterable<StreamEvent> {
  readonly jobId: string;
  /** The text, if it is known here. */
  readonly text: string | undefined;
  /** How often a connection was lost and made again. */
  reconnects = 0;

  readonly #http: Http;
  readonly #maker: SocketMaker | undefined;
  readonly #options: FollowOptions;
  readonly #inbox = new Inbox<StreamEvent>();
  readonly #stop = new AbortController();
  readonly #canceled = new AbortController();
  readonly #reading: Reading;
  readonly #bufferSeconds: number;
  #receivedSeq: number;
  #readSeq: number;
  #started = false;
  #known = false;
  #read = false;
  #queuedSeconds = 0;
  #room: () => void = () => undefined;

  /** Made by `Client.speak` and `Client.follow`. */
  constructor(http: Http, maker: SocketMaker | undefined, jobId: string, options: FollowOptions) {
    const { afterSeq = 0 } = options;
    check(jobId, afterSeq);
    this.jobId = jobId;
    this.text = options.text;
    this.#http = http;
    this.#maker = maker;
    this.#options = options;
    this.#reading = new Reading(jobId, options.text);
    this.#receivedSeq = afterSeq;
    this.#readSeq = afterSeq;
    this.#bufferSeconds = options.bufferSeconds ?? 60;
    this.#inbox.ontaken = (event) => this.#taken(event);
  }

  /** The number of the last audio that was handed out. With it `follow` goes on from here. */
  get lastSeq(): number {
    return this.#readSeq;
  }

  /** Aborted by `cancel()`, for who has read more than was heard. */
  get canceled(): AbortSignal {
    return this.#canceled.signal;
  }

  /**
   * Cancel the job; answered when it is final. False when it had completed or failed before. The reader gets nothing
   * more than `JOB_CANCELED`, and that at once, whatever the answer is.
   */
  async cancel(): Promise<boolean> {
    this.#inbox.last({ type: "JOB_CANCELED", job_id: this.jobId });
    this.#end();
    this.#canceled.abort();
    const body = { job_id: this.jobId };
    const { canceled } = await this.#http.json<{ canceled: boolean }>("POST", "/cancel", { body });
    return canceled;
  }

  /** The connection is made when the first event is asked for. There is one reader; leaving the loop closes. */
  [Symbol.asyncIterator](): AsyncIterator<StreamEvent, undefined> {
    if (this.#read)
      throw new TypeError("a Speech can be read once; follow the job again for a second reader");
    this.#read = true;
    let begun = false;
    return {
      next: () => {
        if (!begun && !this.canceled.aborted) void this.#run();
        begun = true;
        return this.#inbox.next();
      },
      return: async () => {
        this.#inbox.clear();
        this.#end();
        return { done: true, value: undefined };
      },
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    const aborted = () => {
      this.#inbox.clear({ error: signal?.reason });
      this.#end();
    };
    if (signal?.aborted) return aborted();
    signal?.addEventListener("abort", aborted, { once: true });
    try {
      await this.#follow();
      this.#inbox.end();
    } catch (error) {
      this.#inbox.fail(error);
    } finally {
      signal?.removeEventListener("abort", aborted);
    }
  }

  #end(): void {
    this.#stop.abort();
    this.#room();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    const retries = new Retries(this.#options.patience);
    const limitSeconds = retries.patience.answerSeconds;
    let why: SpeechError | undefined;
    for (;;) {
      signal.throwIfAborted();
      const connection = this.#http.link.current;
      const before = this.#receivedSeq;
      retries.begins();
      const ended = await this.#listen(connection, limitSeconds);
      if ("done" in ended) return;
      if (this.#receivedSeq > before) retries.succeeded();
      if ("full" in ended) {
        await this.#roomAgain();
        continue;
      }
      hopeless(ended);
      if (ended.opened) retries.lasted();
      // Once: an engine that knows the job will not forget it.
      const about = this.#known ? undefined : `/jobs/${encodeURIComponent(this.jobId)}`;
      const refused = ended.opened
        ? null
        : await refusal(this.#http, connection, signal, { about, limitSeconds });
      this.#known ||= refused?.healthy === true && !refused.renewed;
      why = refused?.why ?? why;
      const atOnce = refused?.renewed === true && retries.renewed();
      if (!atOnce && !(await retries.next(signal))) throw unreachable(connection, why);
      this.reconnects += 1;
    }
  }

  /** Read one socket. */
  #listen(connection: Connection, limitSeconds: number): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const over = (settle: () => void) => {
        this.#stop.signal.removeEventListener("abort", aborted);
        close();
        settle();
      };
      const aborted = () => over(() => reject(this.#stop.signal.reason));
      const path = `/stream/${encodeURIComponent(this.jobId)}?format=binary&after_seq=${this.#receivedSeq}`;
      const close = open(this.#maker, connection, path, limitSeconds, {
        open: () => undefined,
        message: (data) => {
          try {
            const final = this.#received(decode(data));
            if (final) over(() => resolve({ done: true }));
            else if (this.#queuedSeconds > this.#bufferSeconds) over(() => resolve({ full: true }));
          } catch (error) {
            over(() => reject(error));
          }
        },
        closed: (code, reason, opened) => over(() => resolve({ code, reason, opened })),
      });
      this.#stop.signal.addEventListener("abort", aborted, { once: true });
      if (this.#stop.signal.aborted) aborted();
    });
  }

  /** True when it was the last event. */
  #received(message: WireMessage | null): boolean {
    if (message === null) return false;
    if (message.type === "JOB_ERROR") throw errorOf(message.error) ?? strange("a JOB_ERROR has no error");
    if (message.type === "JOB_STARTED") {
      if (this.#started) return false; // a second connection before the first audio hears it again
      this.#started = true;
    }
    if (message.type === "AUDIO_CHUNK") {
      const last = this.#receivedSeq;
      if (message.seq !== last + 1) {
        throw strange(`audio ${message.seq} came behind ${last}; numbers have to follow each other`);
      }
      this.#receivedSeq = message.seq;
      this.#queuedSeconds += message.samples.length / message.sample_rate;
    }
    this.#inbox.push(this.#reading.of(message));
    return message.type === "JOB_DONE" || message.type === "JOB_CANCELED";
  }

  #taken(event: StreamEvent): void {
    if (event.type !== "AUDIO_CHUNK") return;
    this.#readSeq = event.seq;
    this.#queuedSeconds -= event.samples.length / event.sample_rate;
    if (this.#queuedSeconds <= this.#bufferSeconds / 2) this.#room();
  }

  #roomAgain(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = resolve;
      if (this.#stop.signal.aborted || this.#queuedSeconds <= this.#bufferSeconds / 2) resolve();
    });
  }
}

/** Throws when connecting again would only give the same. */
function hopeless({ code, reason }: { code: number; reason: string }): void {
  if (code === 4404) throw new SpeechError("JOB_NOT_FOUND", "there is no such job", { status: 404 });
  if (code === 1011) {
    throw new SpeechError(reason || "INTERNAL", "the job cannot be followed; the engine's log says why");
  }
}

function strange(what: string): SpeechError {
  return new SpeechError("PROTOCOL", `The stream is not as it should be: ${what}.`);
}
