// What can go wrong, as one class with a code. An abort is none of it: it rejects with the signal's own reason.

/** The codes of docs/http.md, "Errors". */
export type EngineCode =
  | "INVALID_REQUEST"
  | "EMPTY_TEXT"
  | "INVALID_AUDIO"
  | "TRANSCRIPT_REQUIRED"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "VOICE_NOT_FOUND"
  | "JOB_NOT_FOUND"
  | "MODEL_NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "CONFLICT"
  | "MODEL_NOT_READY"
  | "JOB_NOT_COMPLETED"
  | "WRONG_STATE"
  | "COUNT_CHANGED"
  | "IDEMPOTENCY_CONFLICT"
  | "REQUEST_TIMEOUT"
  | "TOO_LARGE"
  | "INTERNAL"
  | "INFERENCE_FAILED"
  | "ENGINE_RESTARTED"
  | "OVERLOADED"
  | "STORAGE_FAILED";

/**
 * Said by the client itself:
 * `NETWORK`: no answer came; the engine is gone, or the page's own policy keeps it from asking.
 * `PROTOCOL`: what came is not what a q3tts engine sends.
 * `UNSUPPORTED`: this browser or runtime lacks something; the message says what.
 * `PLAYBACK`: the sound cannot be played.
 */
export type ClientCode = "NETWORK" | "PROTOCOL" | "UNSUPPORTED" | "PLAYBACK";

/** The engine may learn new codes; an unknown one is still a string. */
export type ErrorCode = EngineCode | ClientCode | (string & {});

export interface SpeechErrorOptions {
  /** The HTTP status, if an answer came. */
  status?: number | undefined;
  details?: Record<string, unknown> | undefined;
  cause?: unknown;
}

export class SpeechError extends Error {
  override readonly name = "SpeechError";
  readonly code: ErrorCode;
  readonly status: number | null;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: SpeechErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.status = options.status ?? null;
    this.details = options.details ?? {};
  }
}

/** Whether a rejection is somebody's abort, and not a failure. A reason of your own, given to `abort`, is yours to know. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error || error instanceof DOMException ? error.name === "AbortError" : false;
}

/** The engine's error shape, wherever it is found: the body of an answer, a job's `error`, an event. */
export function errorOf(body: unknown, status?: number): SpeechError | null {
  if (typeof body !== "object" || body === null) return null;
  const { code, message, details } = body as Record<string, unknown>;
  if (typeof code !== "string" || typeof message !== "string") return null;
  const known = typeof details === "object" && details !== null ? (details as Record<string, unknown>) : {};
  return new SpeechError(code, message, { status, details: known });
}
