// The engine's shapes under short names. What they mean is in docs/http.md; nothing here is made by hand but `Warning`.

import type { components, operations } from "./schema.js";

type Schemas = components["schemas"];

export type Artifact = Schemas["ArtifactView"];
export type AudioLink = Schemas["AudioLink"];
export type Capabilities = Schemas["Capabilities"];
export type Chunk = Schemas["ChunkView"];
export type Download = Schemas["DownloadView"];
export type Health = Schemas["Health"];
export type Job = Omit<Schemas["JobView"], "warnings"> & { warnings: Warning[] };
export type JobPage = Omit<Schemas["JobPage"], "jobs"> & { jobs: Job[] };
export type JobStats = Schemas["JobStats"];
export type JobsDeleted = Schemas["JobsDeleted"];
export type JobsPruned = Schemas["JobsPruned"];
export type JobStatus = Job["status"];
export type Model = Schemas["ModelView"];
export type Progress = Schemas["Progress"];
export type SpeechSettings = Schemas["SpeechSettings"];
export type Voice = Schemas["VoiceView"];
/** A voice that was made just now. */
export type NewVoice = Schemas["Cloned"];
export type Transcript = Schemas["Heard"];

export type SpeakRequest = Lenient<Schemas["SpeakRequest"]>;
export type SubmitRequest = Lenient<Schemas["SubmitRequest"]>;
export type PruneRequest = Lenient<Schemas["PruneRequest"]>;
export type DesignRequest = Lenient<Schemas["DesignRequest"]>;
export type CloneRequest = Lenient<Omit<Schemas["CloneRequest"], "ref_audio">> & { ref_audio: Recording };
export type TranscribeRequest = Lenient<Omit<Schemas["TranscribeRequest"], "ref_audio">> & {
  ref_audio: Recording;
};

/** The bytes of a WAV file, or the absolute path of a recording on the engine's machine. */
export type Recording = Blob | ArrayBuffer | ArrayBufferView | { path: string };

export type VoiceFilter = Filter<"listVoices">;
export type JobFilter = Filter<"listJobs">;
export type StatsFilter = Filter<"getStats">;
export type LinkFilter = Filter<"linkAudio">;
export type ExportFilter = Filter<"exportJobs">;
/** Which jobs are deleted; without any filter, `all` must say that all are meant. */
export type DeletionFilter = Omit<Filter<"deleteJobs">, "dry_run" | "expected">;
export type ChunkFilter = Filter<"listChunks">;

/** A take that was refused and spoken again, or a chunk that was left out. */
export interface Warning {
  code: string;
  chunk_index: number;
  attempt: number;
  message: string;
}

/** The error that a failed job, or a failed download, carries. */
export type ErrorBody = Schemas["ErrorBody"];

/** A stretch of text in UTF-16 units, half open, as JavaScript counts: `text.slice(start, end)`. */
export interface TextRange {
  start: number;
  end: number;
}

type Filter<Name extends keyof operations> = Lenient<NonNullable<operations[Name]["parameters"]["query"]>>;

/** What may be left out may be undefined too, which JSON and queries leave out. */
type Lenient<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? {
        [Name in keyof T]:
          | Lenient<T[Name]>
          | (Partial<Pick<T, Name>> extends Pick<T, Name> ? undefined : never);
      }
    : T;
