// `/v1/jobs`: submit, history, one job, control, its audio.

import type { ErrorCode } from "./errors.js";
import type { Asked, Http } from "./http.js";
import { Offsets } from "./offsets.js";
import type {
  Artifact,
  AudioLink,
  Chunk,
  ChunkFilter,
  DeletionFilter,
  ExportFilter,
  Job,
  JobFilter,
  JobPage,
  JobStats,
  JobsDeleted,
  JobsPruned,
  LinkFilter,
  PruneRequest,
  StatsFilter,
  SubmitRequest,
} from "./types.js";

export interface Submitting extends Asked {
  /** With the same key the same request makes one job, however often it is sent. Without one, the client makes one. */
  idempotencyKey?: string | undefined;
}

export interface AudioOptions extends Asked {
  /** The audio so far of a job that is not completed. */
  partial?: boolean | undefined;
}

/** The format of the audio, and for how many seconds the link is good. */
export interface LinkOptions extends LinkFilter, Asked {}

export interface ChunksOptions extends ChunkFilter, Asked {
  /** The job's text. With it `start_char` and `end_char` count UTF-16 units; without it, as the engine does. */
  text?: string | undefined;
}

/** What the refusal of a `HEAD` means, which has no body to say it. */
const AUDIO_CODES: Record<number, ErrorCode> = {
  401: "UNAUTHORIZED",
  403: "FORBIDDEN",
  404: "JOB_NOT_FOUND",
  409: "JOB_NOT_COMPLETED",
};

export class Jobs {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Queue a text to be rendered into a file. */
  submit(request: SubmitRequest, { idempotencyKey, ...asked }: Submitting = {}): Promise<Job> {
    const headers = { "Idempotency-Key": idempotencyKey ?? newKey() };
    return this.#http.json("POST", "/jobs", { ...asked, body: request, headers });
  }

  /** The same under an id of your own, a UUID. */
  put(jobId: string, request: SubmitRequest, asked: Asked = {}): Promise<Job> {
    return this.#http.json("PUT", path(jobId), { ...asked, body: request });
  }

  /** One page of the history, newest first. */
  list(filter: JobFilter = {}, asked: Asked = {}): Promise<JobPage> {
    return this.#http.json("GET", "/jobs", { ...asked, query: filter });
  }

  /** The history, newest first, page by page as you go. */
  async *all(
    filter: Omit<JobFilter, "cursor"> = {},
    asked: Asked = {},
  ): AsyncGenerator<Job, void, undefined> {
    let cursor: string | null = null;
    do {
      const page: JobPage = await this.list({ ...filter, cursor }, asked);
      yield* page.jobs;
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  /** Totals over all jobs that there ever were, deleted ones too, and over groups of them. */
  stats(filter: StatsFilter = {}, asked: Asked = {}): Promise<JobStats> {
    return this.#http.json("GET", "/jobs/stats", { ...asked, query: filter });
  }

  /** The history as a file, newest first: a table, or a JSON document on each line. */
  export({ format = "jsonl", ...filter }: ExportFilter = {}, asked: Asked = {}): Promise<Blob> {
    return this.#http.blob("/jobs/export", { ...asked, query: { ...filter, format } });
  }

  /** How many jobs match, and how much speech they have. */
  count(filter: DeletionFilter, asked: Asked = {}): Promise<JobsDeleted> {
    return this.#http.json("DELETE", "/jobs", { ...asked, query: { ...filter, dry_run: true } });
  }

  /** Forget all jobs that match, if they are as many as `count` has said. */
  deleteAll(filter: DeletionFilter, expected: number, asked: Asked = {}): Promise<JobsDeleted> {
    return this.#http.json("DELETE", "/jobs", { ...asked, query: { ...filter, expected }, once: true });
  }

  /** Delete the oldest jobs that have ended, until what is left is within the limits. */
  prune(limits: PruneRequest = {}, asked: Asked = {}): Promise<JobsPruned> {
    return this.#http.json("POST", "/jobs/prune", { ...asked, body: limits, once: true });
  }

  get(jobId: string, asked: Asked = {}): Promise<Job> {
    return this.#http.json("GET", path(jobId), asked);
  }

  /** The job's text exactly as it was submitted. */
  async text(jobId: string, asked: Asked = {}): Promise<string> {
    const blob = await this.#http.blob(path(jobId, "/text"), asked);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await blob.arrayBuffer());
  }

  /** The stretches of text that are spoken in one go; `next_start` is null at the end. */
  async chunks(
    jobId: string,
    { text, signal, ...filter }: ChunksOptions = {},
  ): Promise<{ chunks: Chunk[]; next_start: number | null }> {
    type Chunks = { chunks: Chunk[]; next_start: number | null };
    const found = await this.#http.json<Chunks>("GET", path(jobId, "/chunks"), { signal, query: filter });
    if (text === undefined) return found;
    const offsets = new Offsets(text);
    const chunks = found.chunks.map((chunk) => ({
      ...chunk,
      start_char: offsets.at(chunk.start_char),
      end_char: offsets.at(chunk.end_char),
    }));
    return { ...found, chunks };
  }

  /** The files that were made; none until the job is completed. */
  async artifacts(jobId: string, asked: Asked = {}): Promise<Artifact[]> {
    const answer = await this.#http.json<{ artifacts: Artifact[] }>("GET", path(jobId, "/artifacts"), asked);
    return answer.artifacts;
  }

  /** The job's WAV file. */
  audio(jobId: string, { partial, signal }: AudioOptions = {}): Promise<Blob> {
    return this.#http.blob(path(jobId, "/audio"), { signal, query: partial ? { partial } : {} });
  }

  /**
   * An address of the job's audio, live and without the token, for an `<audio>` or a player. The engine must have been
   * started with `--audio-links`.
   */
  link(jobId: string, { signal, ...query }: LinkOptions = {}): Promise<AudioLink> {
    return this.#http.json("POST", path(jobId, "/link"), { signal, query });
  }

  /** How many bytes the job's WAV file has, without fetching it. */
  async audioBytes(jobId: string, asked: Asked = {}): Promise<number> {
    const response = await this.#http.send("HEAD", path(jobId, "/audio"), { ...asked, codes: AUDIO_CODES });
    return Number(response.headers.get("Content-Length"));
  }

  /** Answered when the job is final. The audio so far is kept. */
  cancel(jobId: string, asked: Asked = {}): Promise<Job> {
    return this.#http.json("POST", path(jobId, "/cancel"), asked);
  }

  pause(jobId: string, asked: Asked = {}): Promise<Job> {
    return this.#http.json("POST", path(jobId, "/pause"), asked);
  }

  resume(jobId: string, asked: Asked = {}): Promise<Job> {
    return this.#http.json("POST", path(jobId, "/resume"), { ...asked, once: true });
  }

  /** Let a failed or canceled job go on, behind the chunks that it has. */
  retry(jobId: string, asked: Asked = {}): Promise<Job> {
    return this.#http.json("POST", path(jobId, "/retry"), { ...asked, once: true });
  }

  /** Forget the job, its audio and its files. */
  async delete(jobId: string, asked: Asked = {}): Promise<void> {
    await this.#http.json("DELETE", path(jobId), { ...asked, once: true });
  }
}

function path(jobId: string, rest = ""): string {
  return `/jobs/${encodeURIComponent(jobId)}${rest}`;
}

/** `crypto.randomUUID` is missing where a page is no secure context. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
