// The client: one connection, and what can be asked over it.

import { type Connection, Link, type Renew } from "./connection.js";
import type { FollowOptions } from "./following.js";
import { type Asked, Http } from "./http.js";
import { type EventsOptions, type JobEvent, jobEvents } from "./job-events.js";
import { Jobs } from "./jobs.js";
import { Models } from "./models.js";
import type { SocketMaker } from "./socket.js";
import { Speech } from "./speech.js";
import type { Health, SpeakRequest } from "./types.js";
import { Voices } from "./voices.js";

export interface ClientOptions extends Connection {
  /** Instead of the global ones. */
  fetch?: typeof fetch | undefined;
  WebSocket?: SocketMaker | undefined;
  /** Asked for a new connection when this one is refused, as after a restart of the engine; then it is tried once more. */
  renew?: Renew | undefined;
}

/** It is answered by memory alone: an engine that takes longer hangs. */
const HEALTH_SECONDS = 10;

export type SpeakOptions = Omit<FollowOptions, "afterSeq" | "text">;

export class Client {
  readonly voices: Voices;
  readonly models: Models;
  readonly jobs: Jobs;
  readonly #http: Http;
  readonly #maker: SocketMaker | undefined;

  constructor(options: ClientOptions) {
    this.#http = new Http(new Link(options, options.renew), options.fetch);
    this.#maker = options.WebSocket;
    this.voices = new Voices(this.#http);
    this.models = new Models(this.#http);
    this.jobs = new Jobs(this.#http);
  }

  /** The connection that is used now; another one after it was renewed. */
  get connection(): Connection {
    return this.#http.link.current;
  }

  /** The engine's version, its active model and what that can do, and how busy it is. */
  health(asked: Asked = {}): Promise<Health> {
    return this.#http.json("GET", "/health", { ...asked, limitSeconds: HEALTH_SECONDS });
  }

  /** All of the HTTP routes, as an OpenAPI document. */
  openapi(asked: Asked = {}): Promise<Record<string, unknown>> {
    return this.#http.json("GET", "/openapi.json", asked);
  }

  /**
   * Speak a text to somebody who listens now. An abort before the engine has answered cancels the job; after that it
   * closes the connection only.
   */
  async speak(request: SpeakRequest, options: SpeakOptions = {}): Promise<Speech> {
    const { signal } = options;
    signal?.throwIfAborted();
    // Without the signal: a request that is given up half way may still become a job, which nobody would know of.
    const started = this.#http
      .json<{ job_id: string }>("POST", "/speak", { body: request })
      .then(({ job_id }) => this.follow(job_id, { ...options, text: request.text }));
    await unlessAborted(started, signal, (speech) => speech.cancel());
    return await started;
  }

  /** The events of any job from its beginning, or behind `afterSeq`, up to its last one. */
  follow(jobId: string, options: FollowOptions = {}): Speech {
    return new Speech(this.#http, this.#maker, jobId, options);
  }

  /** Numbers about the engine, in Prometheus' text format. */
  async metrics(asked: Asked = {}): Promise<string> {
    return await (await this.#http.blob("/metrics", asked)).text();
  }

  /** What happens to all jobs from now on; see `JobEvent`. */
  events(options: EventsOptions = {}): AsyncIterable<JobEvent> {
    return jobEvents(this.#http, this.#maker, options);
  }
}

/** Wait for it; when it is aborted first, reject at once and undo it when it comes. */
async function unlessAborted<T>(
  coming: Promise<T>,
  signal: AbortSignal | undefined,
  undo: (value: T) => Promise<unknown>,
): Promise<void> {
  if (signal === undefined) return;
  let aborted: () => void = () => undefined;
  const abort = new Promise<never>((_, reject) => {
    aborted = () => {
      reject(signal.reason);
      coming.then(undo).catch(() => undefined); // it may have failed by itself, or be over
    };
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
  });
  try {
    await Promise.race([coming, abort]);
  } finally {
    signal.removeEventListener("abort", aborted);
  }
}
