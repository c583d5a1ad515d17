// What `q3tts-client` offers. React hooks are in `q3tts-client/react`.

export { Client, type ClientOptions, type SpeakOptions } from "./client.js";
export type { Connection, Renew } from "./connection.js";
export { type ClientCode, type EngineCode, type ErrorCode, isAbort, SpeechError } from "./errors.js";
export type { FollowOptions } from "./following.js";
export type { Asked } from "./http.js";
export type { EventsOptions, JobEvent } from "./job-events.js";
export type { AudioOptions, ChunksOptions, Jobs, Submitting } from "./jobs.js";
export type { Models } from "./models.js";
export { Offsets } from "./offsets.js";
export type { Playback } from "./playback.js";
export { Player, type PlayerOptions } from "./player.js";
export type {
  Metrics,
  PlaybackEvents,
  PlaybackState,
  PlayOptions,
  Position,
  Source,
  WaitingFor,
} from "./playing.js";
export type { Impatience, Patience } from "./retries.js";
export type { SocketLike, SocketMaker } from "./socket.js";
export type { Speech } from "./speech.js";
export type { AudioEvent, SpokenChunk, StreamEvent } from "./stream-event.js";
export type * from "./types.js";
export type { Voices } from "./voices.js";
export { toWav, wavOf } from "./wav.js";
