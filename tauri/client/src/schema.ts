// Made from the engine's OpenAPI document by `npm run generate`. Do not edit.

export interface paths {
    "/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Health
         * @description The engine's version, its active model and what that can do, and how busy it is.
         */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/speak": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Speak
         * @description Start speaking text to a listener, who follows `ws_url`. With `wait=true` or `Accept: audio/wav` the answer
         *     is the finished WAV file; the job is canceled when the client does not wait for it.
         */
        post: operations["speak"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel
         * @description Cancel a job; answered when it is final.
         */
        post: operations["cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}/audio": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Audio
         * @description The job's audio as a file in one of its formats: WAV where it has that, else its first. `partial=true` gives
         *     the audio so far of a job that is not completed, as WAV; `live=true` all of it from the beginning, in any format
         *     that can be sent while it is made, as it is being spoken.
         */
        get: operations["getAudio"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Audio
         * @description The job's audio as a file in one of its formats: WAV where it has that, else its first. `partial=true` gives
         *     the audio so far of a job that is not completed, as WAV; `live=true` all of it from the beginning, in any format
         *     that can be sent while it is made, as it is being spoken.
         */
        head: operations["headAudio"];
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Link
         * @description An address of the job's live audio for a player that cannot send the token. It is good for this job alone,
         *     for as long as it says, and until the engine ends. Links are off unless the engine was started with them.
         */
        post: operations["linkAudio"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audio/speech": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * CreateSpeech
         * @description Speak a text, and send the audio as it is made, in OpenAI's shape. The client that closes the connection
         *     cancels the job. The status is sent with the first sound; what fails after it breaks the connection off.
         */
        post: operations["createSpeech"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audio/voices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * ListSpeechVoices
         * @description All voices, or those of a model, by the ids and names that `voice` of a request takes; those of the active
         *     model first.
         */
        get: operations["listSpeechVoices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stats
         * @description Totals over all jobs that there ever were, deleted ones too, and over groups of them.
         *
         *     `by` may be given repeatedly: `by=day&by=lane` has a group for each day and lane. A job counts on the day in UTC
         *     on which it was submitted.
         */
        get: operations["getStats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Metrics
         * @description Metrics in Prometheus' text format, since the engine was started.
         */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export
         * @description The history as one file, newest first: CSV with a header, or JSON lines with a job as in `GET /v1/jobs`.
         *
         *     Takes the filters of `GET /v1/jobs`. Jobs that are submitted while it is sent are not in it.
         */
        get: operations["exportJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/prune": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Prune
         * @description Delete the oldest jobs that have ended, until what is left is within the limits; with `dry_run` only count.
         *
         *     Without a limit in the body, those of the engine's settings count. What somebody hears, follows or downloads at
         *     the moment stays.
         */
        post: operations["pruneJobs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel
         * @description Cancel the job; answered when it is final. One that had ended before stays as it is.
         */
        post: operations["cancelJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One
         * @description One job, with its progress, rates and, while it waits, its place in the queue.
         */
        get: operations["getJob"];
        /**
         * SubmitAs
         * @description Queue a job under an id of the client's own; sending it again is harmless.
         */
        put: operations["putJob"];
        post?: never;
        /**
         * Forget
         * @description Forget the job, its audio and its files; one that is not final is canceled first.
         */
        delete: operations["deleteJob"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Page
         * @description The history, newest first. Every filter that is given must hold; `status` may be given repeatedly.
         *
         *     `text` finds its words, three characters or more (two in Chinese, Japanese, Korean, Thai and the like),
         *     anywhere in the title and the first 2,000 characters.
         */
        get: operations["listJobs"];
        put?: never;
        /**
         * Submit
         * @description Queue text to be rendered into a file. With an `Idempotency-Key`, sending it again is harmless.
         */
        post: operations["submitJob"];
        /**
         * ForgetAll
         * @description Forget all jobs that match the filters of `GET /v1/jobs`; those that are not final are canceled first.
         *
         *     First ask with `dry_run=true` how many they are, then send that number as `expected`: if another number
         *     matches by then, nothing is deleted. Without a filter it takes `all=true`.
         */
        delete: operations["deleteJobs"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}/text": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Text
         * @description The job's text exactly as it was submitted, in UTF-8.
         */
        get: operations["getText"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}/artifacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Artifacts
         * @description The files made from the job's audio.
         */
        get: operations["listArtifacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}/chunks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Chunks
         * @description The job's chunks in the order of the text; none before the job has started.
         */
        get: operations["listChunks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pause
         * @description Let the job rest; it keeps its audio and its place.
         */
        post: operations["pauseJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Resume
         * @description Let a paused job go on.
         */
        post: operations["resumeJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{job_id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry
         * @description Continue a failed or canceled job after the chunks it has.
         */
        post: operations["retryJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/voices/clone": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Clone
         * @description Make a voice from a recording of 1 to 30 seconds and what is said in it.
         */
        post: operations["cloneVoice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/voices/{voice_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One
         * @description One voice.
         */
        get: operations["getVoice"];
        put?: never;
        post?: never;
        /**
         * Forget
         * @description Delete a voice that was made here, with its files. Its jobs keep their history and their audio; those
         *     that still need it fail.
         */
        delete: operations["deleteVoice"];
        options?: never;
        head?: never;
        /**
         * Rename
         * @description Give a voice that was made here another name. Its id and its sound stay as they are.
         */
        patch: operations["renameVoice"];
        trace?: never;
    };
    "/v1/voices/design": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Design
         * @description Make a voice from a description, such as "an old man with a deep, warm voice".
         */
        post: operations["designVoice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/voices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Every
         * @description Voices that were made here, newest first, then the presets. `language=en`, or English, finds `en-GB` too;
         *     `named` is what people type for a voice: its id, its name, or the beginning of its id.
         */
        get: operations["listVoices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/voices/{voice_id}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Preview
         * @description A short WAV file in the voice, spoken the first time it is asked for.
         */
        get: operations["previewVoice"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/voices/clone/transcribe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Transcribe
         * @description What is said in a recording, by the active speech-to-text model.
         */
        post: operations["transcribeRecording"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model_id}/activate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Activate
         * @description Load a model and make it the active one; answered when it is loaded. Jobs that wait for other models are
         *     spoken with these all the same. A speech-to-text model becomes the one that transcribes.
         */
        post: operations["activateModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel
         * @description Stop a download. What has come is kept, and the next download goes on from there.
         */
        post: operations["cancelDownload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model_id}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check
         * @description Read all files of a model again, and compare them with the hashes that are recorded of them. If one
         *     differs, the model is `broken`, with the names in its `reason`. Answered when it is done.
         */
        post: operations["checkModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One
         * @description One model.
         */
        get: operations["getModel"];
        put?: never;
        post?: never;
        /**
         * Forget
         * @description Remove a model's files, and what an interrupted download has left. Not while it is active or needed, nor
         *     from the hub's cache, which other programs use too.
         */
        delete: operations["deleteModel"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model_id}/download": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Download
         * @description Begin a download, or resume one that was interrupted; `GET` the model to see how far it is.
         */
        post: operations["downloadModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Every
         * @description What is built in, what is on this machine, then what could be downloaded; each with its state. `skipped`
         *     is what lies in the models folder and is not taken for a model, with the reason. `data` has those that can
         *     speak, as OpenAI's clients read them.
         */
        get: operations["listModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model_id}/unload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Unload
         * @description Free the memory of a model that is not speaking. It is loaded again when it is needed.
         */
        post: operations["unloadModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** ArtifactList */
        ArtifactList: {
            artifacts: components["schemas"]["ArtifactView"][];
        };
        /** ArtifactView */
        ArtifactView: {
            format: string;
            bytes: number;
            seconds: number;
            url: string;
        };
        /** AudioLink */
        AudioLink: {
            url: string;
            /** Format: date-time */
            expires_at: string;
        };
        /** CancelRequest */
        CancelRequest: {
            /** Format: uuid */
            job_id: string;
        };
        /** Canceled */
        Canceled: {
            canceled: boolean;
        };
        /** Capabilities */
        Capabilities: {
            supports_voice_clone: boolean;
            supports_voice_design: boolean;
            supports_instruct: boolean;
            supports_transcription: boolean;
            supports_audio_chunk_stream: boolean;
            supports_true_streaming_inference: boolean;
            languages: string[];
        };
        /** CheckedModel */
        CheckedModel: {
            model: components["schemas"]["ModelView"];
            files_checked: number;
        };
        /** ChunkList */
        ChunkList: {
            chunks: components["schemas"]["ChunkView"][];
            next_start: number | null;
        };
        /** ChunkView */
        ChunkView: {
            chunk_index: number;
            start_char: number;
            end_char: number;
            /** @enum {string} */
            boundary: "word" | "clause" | "sentence" | "item" | "paragraph" | "heading";
            /** @enum {string} */
            state: "pending" | "done" | "gap";
            attempts: number;
            seed: number | null;
            finish_reason: string | null;
            start_seconds: number | null;
            end_seconds: number | null;
        };
        /** Chunking */
        Chunking: {
            /** @default 400 */
            max_chars?: number;
        };
        /** CloneOptions */
        CloneOptions: {
            /** @default true */
            normalize_audio?: boolean;
        };
        /** CloneRequest */
        CloneRequest: {
            display_name: string;
            ref_audio: components["schemas"]["RefAudio"];
            ref_text?: string | null;
            /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
            language?: string | null;
            options?: components["schemas"]["CloneOptions"];
        };
        /** Cloned */
        Cloned: {
            voice_id: string;
            display_name: string;
            /** Format: date-time */
            created_at: string;
            tts_model_id: string;
        };
        /** CreateSpeechRequest */
        CreateSpeechRequest: {
            input: string;
            model?: string | null;
            voice?: string | components["schemas"]["VoiceRef"] | null;
            instructions?: string | null;
            /** @enum {null|string} */
            response_format?: "mp3" | "opus" | "aac" | "flac" | "wav" | "pcm" | null;
            /** @description 0.5 to 2.0 */
            speed?: number | null;
            /** @enum {null|string} */
            stream_format?: "audio" | "sse" | null;
            /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
            language?: string | null;
            seed?: number | null;
        };
        /** Deleted */
        Deleted: {
            deleted: boolean;
        };
        /** DesignRequest */
        DesignRequest: {
            display_name: string;
            description: string;
            /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
            language?: string | null;
        };
        /** DownloadView */
        DownloadView: {
            /** @enum {string} */
            state: "downloading" | "failed" | "canceled" | "done";
            bytes_done: number;
            bytes_total: number | null;
            bytes_per_second: number | null;
            seconds_left: number | null;
            error: components["schemas"]["ErrorBody"] | null;
        };
        /** EncodingView */
        EncodingView: {
            sample_rate: number;
            bit_rate: number | null;
        };
        /** EngineWarning */
        EngineWarning: {
            /** @constant */
            code: "SLOW_PROCESSOR";
            message: string;
        };
        /** ErrorBody */
        ErrorBody: {
            code: string;
            message: string;
            details?: {
                [key: string]: unknown;
            };
        };
        /** FormatOptions */
        FormatOptions: {
            /** @description Bits per second */
            bit_rate?: number | null;
            /** @description In Hertz */
            sample_rate?: number | null;
        };
        /** FormatsOptions */
        FormatsOptions: {
            flac?: components["schemas"]["FormatOptions"] | null;
            mp3?: components["schemas"]["FormatOptions"] | null;
            opus?: components["schemas"]["FormatOptions"] | null;
            m4a?: components["schemas"]["FormatOptions"] | null;
        };
        /** Health */
        Health: {
            engine_version: string;
            active_model_id: string;
            device: string;
            blas: string | null;
            gflops: number | null;
            warnings: components["schemas"]["EngineWarning"][];
            capabilities: components["schemas"]["Capabilities"];
            jobs_queued: number;
            jobs_running: number;
            worker_running: boolean;
        };
        /** Heard */
        Heard: {
            text: string;
            language: string | null;
        };
        /** JobGroup */
        JobGroup: {
            jobs: number;
            completed: number;
            failed: number;
            canceled: number;
            characters: number;
            audio_seconds: number;
            work_seconds: number;
            refused_takes: number;
            day: string | null;
            model_id: string | null;
            voice_id: string | null;
            /** @enum {null|string} */
            lane: "speak" | "render" | null;
        };
        /** JobPage */
        JobPage: {
            jobs: components["schemas"]["JobView"][];
            next_cursor: string | null;
        };
        /** JobStats */
        JobStats: {
            total: components["schemas"]["JobSums"];
            groups: components["schemas"]["JobGroup"][];
        };
        /** JobSums */
        JobSums: {
            jobs: number;
            completed: number;
            failed: number;
            canceled: number;
            characters: number;
            audio_seconds: number;
            work_seconds: number;
            refused_takes: number;
        };
        /** JobView */
        JobView: {
            job_id: string;
            /** @enum {string} */
            lane: "speak" | "render";
            /** @enum {string} */
            status: "queued" | "running" | "paused" | "completed" | "failed" | "canceled";
            progress: components["schemas"]["Progress"];
            voice_id: string;
            model_id: string;
            language: string;
            settings: components["schemas"]["SpeechSettings"];
            formats: string[];
            encoding: {
                [key: string]: components["schemas"]["EncodingView"];
            };
            seed: number;
            title: string | null;
            tags: string[];
            /** Format: date-time */
            created_at: string;
            started_at: string | null;
            finished_at: string | null;
            error: components["schemas"]["ErrorBody"] | null;
            warnings: {
                [key: string]: unknown;
            }[];
            ws_url: string;
        };
        /** JobsDeleted */
        JobsDeleted: {
            jobs: number;
            unfinished: number;
            audio_seconds: number;
            deleted: boolean;
        };
        /** JobsPruned */
        JobsPruned: {
            jobs: number;
            bytes: number;
            in_use: number;
            deleted: boolean;
        };
        /** ModelList */
        ModelList: {
            models: components["schemas"]["ModelView"][];
            skipped: components["schemas"]["SkippedView"][];
            data: components["schemas"]["OpenAIModel"][];
            /**
             * @default list
             * @constant
             */
            object?: "list";
        };
        /** ModelView */
        ModelView: {
            model_id: string;
            display_name: string;
            /** @enum {string} */
            state: "absent" | "downloading" | "installed" | "loading" | "active" | "broken";
            /** @enum {string} */
            task: "tts" | "stt";
            loaded: boolean;
            repository: string | null;
            revision: string | null;
            bytes: number | null;
            capabilities: components["schemas"]["Capabilities"] | null;
            download: components["schemas"]["DownloadView"] | null;
            reason: string | null;
        };
        /** Notify */
        Notify: {
            url: string;
            secret: string;
        };
        /** OpenAIError */
        OpenAIError: {
            message: string;
            type: string;
            param: string | null;
            code: string | null;
        };
        /** OpenAIModel */
        OpenAIModel: {
            id: string;
            owned_by: string;
            /** @default 0 */
            created?: number;
            /**
             * @default model
             * @constant
             */
            object?: "model";
        };
        /** OpenAIProblem */
        OpenAIProblem: {
            error: components["schemas"]["OpenAIError"];
        };
        /** Problem */
        Problem: {
            error: components["schemas"]["ErrorBody"];
        };
        /** Progress */
        Progress: {
            chunks_done: number;
            chunks_total: number | null;
            characters_done: number;
            characters_total: number;
            audio_seconds: number;
            work_seconds: number;
            real_time_factor: number | null;
            seconds_left: number | null;
            queue_position?: number | null;
        };
        /** PruneRequest */
        PruneRequest: {
            keep_days?: number | null;
            keep_jobs?: number | null;
            keep_bytes?: number | null;
            /** @default false */
            dry_run?: boolean;
        };
        /** RefAudio */
        RefAudio: {
            path?: string | null;
            wav_base64?: string | null;
        };
        /** RenameRequest */
        RenameRequest: {
            display_name: string;
        };
        /** SkippedView */
        SkippedView: {
            name: string;
            reason: string;
        };
        /** SpeakRequest */
        SpeakRequest: {
            text: string;
            voice_id?: string | null;
            /** @description An id, a name, or the beginning of an id */
            voice?: string | null;
            /** @description An id, or a repository of the hub; whose voice it should be */
            model?: string | null;
            /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
            language?: string | null;
            settings?: components["schemas"]["SpeechSettings"];
            seed?: number | null;
        };
        /** SpeakStarted */
        SpeakStarted: {
            job_id: string;
            voice_id: string;
            ws_url: string;
        };
        /** SpeechSettings */
        SpeechSettings: {
            /** @default 1 */
            rate?: number;
            /** @default 1 */
            pitch?: number;
            /** @default 1 */
            volume?: number;
            chunking?: components["schemas"]["Chunking"];
            temperature?: number | null;
            top_k?: number | null;
            top_p?: number | null;
            repetition_penalty?: number | null;
            /**
             * @default before
             * @enum {string}
             */
            text_layout?: "before" | "beside";
            max_seconds?: number | null;
            /** @default  */
            instruct?: string;
            /** @default false */
            allow_gaps?: boolean;
        };
        /** SpeechVoice */
        SpeechVoice: {
            id: string;
            name: string;
            model: string;
            language: string | null;
        };
        /** SpeechVoiceList */
        SpeechVoiceList: {
            voices: components["schemas"]["SpeechVoice"][];
        };
        /** SubmitRequest */
        SubmitRequest: {
            text: string;
            voice_id?: string | null;
            /** @description An id, a name, or the beginning of an id */
            voice?: string | null;
            /** @description An id, or a repository of the hub; whose voice it should be */
            model?: string | null;
            /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
            language?: string | null;
            settings?: components["schemas"]["SpeechSettings"];
            seed?: number | null;
            formats?: ("wav" | "flac" | "mp3" | "opus" | "m4a")[];
            encoding?: components["schemas"]["FormatsOptions"] | null;
            title?: string | null;
            tags?: string[];
            notify?: components["schemas"]["Notify"] | null;
        };
        /** TranscribeRequest */
        TranscribeRequest: {
            ref_audio: components["schemas"]["RefAudio"];
            /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
            language?: string | null;
        };
        /** VoiceList */
        VoiceList: {
            voices: components["schemas"]["VoiceView"][];
        };
        /** VoiceRef */
        VoiceRef: {
            /** @description An id, a name, or the beginning of an id */
            id: string;
        };
        /** VoiceView */
        VoiceView: {
            voice_id: string;
            display_name: string;
            /** Format: date-time */
            created_at: string;
            tts_model_id: string;
            language_hint: string | null;
            /** @enum {string} */
            kind: "preset" | "clone" | "design";
            ref_text: string | null;
            description: string | null;
        };
    };
    responses: {
        /** @description The request is not valid */
        Status400: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "INVALID_REQUEST",
                 *         "message": "the request is not valid",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description The token is missing or wrong */
        Status401: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "UNAUTHORIZED",
                 *         "message": "the token is missing or wrong",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description The Host or the Origin is not allowed, or what was asked for is not */
        Status403: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "FORBIDDEN",
                 *         "message": "the host or the origin is not allowed, or what was asked for is not",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no such voice, job or model */
        Status404: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "JOB_NOT_FOUND",
                 *         "message": "there is no such voice, job or model",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description The body did not come in time */
        Status408: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "REQUEST_TIMEOUT",
                 *         "message": "the body did not come in time",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description The request conflicts with the current state */
        Status409: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "WRONG_STATE",
                 *         "message": "the request conflicts with the current state",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is too large */
        Status413: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "TOO_LARGE",
                 *         "message": "the body is too large",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description The body has another type than the route takes */
        Status415: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "INVALID_REQUEST",
                 *         "message": "the body has another type than the route takes",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description A defect of the engine, or the model could not speak */
        Status500: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "INTERNAL",
                 *         "message": "a defect of the engine, or the model could not speak",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description Too many connections or files are open, or the engine is stopping */
        Status503: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "OVERLOADED",
                 *         "message": "too many connections or files are open, or the engine is stopping",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description The disk is full or cannot be written */
        Status507: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "code": "STORAGE_FAILED",
                 *         "message": "the disk is full or cannot be written",
                 *         "details": {}
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description The request is not valid */
        SpeechStatus400: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "the request is not valid",
                 *         "type": "invalid_request_error",
                 *         "param": null,
                 *         "code": "invalid_request"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description The token is missing or wrong */
        SpeechStatus401: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "the token is missing or wrong",
                 *         "type": "invalid_request_error",
                 *         "param": null,
                 *         "code": "invalid_api_key"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description The Host or the Origin is not allowed, or what was asked for is not */
        SpeechStatus403: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "the host or the origin is not allowed, or what was asked for is not",
                 *         "type": "invalid_request_error",
                 *         "param": null,
                 *         "code": "forbidden"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description There is no such voice, job or model */
        SpeechStatus404: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "there is no such voice, job or model",
                 *         "type": "invalid_request_error",
                 *         "param": null,
                 *         "code": "job_not_found"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description The body did not come in time */
        SpeechStatus408: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "the body did not come in time",
                 *         "type": "invalid_request_error",
                 *         "param": null,
                 *         "code": "request_timeout"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description The request conflicts with the current state */
        SpeechStatus409: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "the request conflicts with the current state",
                 *         "type": "invalid_request_error",
                 *         "param": null,
                 *         "code": "wrong_state"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description The body is too large */
        SpeechStatus413: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "the body is too large",
                 *         "type": "invalid_request_error",
                 *         "param": null,
                 *         "code": "too_large"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description The body has another type than the route takes */
        SpeechStatus415: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "the body has another type than the route takes",
                 *         "type": "invalid_request_error",
                 *         "param": null,
                 *         "code": "invalid_request"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description A defect of the engine, or the model could not speak */
        SpeechStatus500: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "a defect of the engine, or the model could not speak",
                 *         "type": "server_error",
                 *         "param": null,
                 *         "code": "internal"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description Too many connections or files are open, or the engine is stopping */
        SpeechStatus503: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "too many connections or files are open, or the engine is stopping",
                 *         "type": "server_error",
                 *         "param": null,
                 *         "code": "overloaded"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
        /** @description The disk is full or cannot be written */
        SpeechStatus507: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": {
                 *         "message": "the disk is full or cannot be written",
                 *         "type": "server_error",
                 *         "param": null,
                 *         "code": "storage_failed"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["OpenAIProblem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    speak: {
        parameters: {
            query?: {
                wait?: boolean;
                /** @description For a body that is text or a form; a JSON body has it itself */
                voice_id?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                voice?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                model?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                language?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                seed?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                pitch?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                volume?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                temperature?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                top_k?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                top_p?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                repetition_penalty?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                text_layout?: "before" | "beside";
                /** @description For a body that is text or a form; a JSON body has it itself */
                max_seconds?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                instruct?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                allow_gaps?: boolean;
                /** @description For a body that is text or a form; a JSON body has it itself */
                max_chars?: number;
            };
            header?: {
                Accept?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "text": "The lamp was lit.",
                 *       "voice": "en-us",
                 *       "settings": {
                 *         "rate": 1.2
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["SpeakRequest"];
                /** @example The tide is out. Take good shoes. */
                "text/plain": string;
                "multipart/form-data": {
                    /** @description The text, in UTF-8 or the charset that is named */
                    text: string;
                    voice_id?: string;
                    /** @description An id, a name, or the beginning of an id */
                    voice?: string;
                    /** @description An id, or a repository of the hub; whose voice it should be */
                    model?: string;
                    /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
                    language?: string;
                    seed?: number;
                    rate?: number;
                    pitch?: number;
                    volume?: number;
                    temperature?: number;
                    top_k?: number;
                    top_p?: number;
                    repetition_penalty?: number;
                    /** @enum {string} */
                    text_layout?: "before" | "beside";
                    max_seconds?: number;
                    instruct?: string;
                    allow_gaps?: boolean;
                    max_chars?: number;
                };
                "application/x-www-form-urlencoded": {
                    /** @description The text, in UTF-8 or the charset that is named */
                    text: string;
                    voice_id?: string;
                    /** @description An id, a name, or the beginning of an id */
                    voice?: string;
                    /** @description An id, or a repository of the hub; whose voice it should be */
                    model?: string;
                    /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
                    language?: string;
                    seed?: number;
                    rate?: number;
                    pitch?: number;
                    volume?: number;
                    temperature?: number;
                    top_k?: number;
                    top_p?: number;
                    repetition_penalty?: number;
                    /** @enum {string} */
                    text_layout?: "before" | "beside";
                    max_seconds?: number;
                    instruct?: string;
                    allow_gaps?: boolean;
                    max_chars?: number;
                };
            };
        };
        responses: {
            /** @description The job, or its audio */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpeakStarted"];
                    "audio/wav": string;
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            408: components["responses"]["Status408"];
            409: components["responses"]["Status409"];
            413: components["responses"]["Status413"];
            415: components["responses"]["Status415"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    cancel: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "job_id": "0c5e5b0e-6f0b-4a55-9a1e-3a3f4f0f7b11"
                 *     }
                 */
                "application/json": components["schemas"]["CancelRequest"];
            };
        };
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Canceled"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            408: components["responses"]["Status408"];
            409: components["responses"]["Status409"];
            413: components["responses"]["Status413"];
            415: components["responses"]["Status415"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    getAudio: {
        parameters: {
            query?: {
                format?: "wav" | "flac" | "mp3" | "opus" | "m4a" | "aac" | "pcm" | null;
                partial?: boolean;
                live?: boolean;
            };
            header?: {
                Range?: string | null;
                "If-Range"?: string | null;
                "If-None-Match"?: string | null;
            };
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The audio */
            200: {
                headers: {
                    /** @description Of this very audio, for `If-None-Match` and `If-Range` */
                    ETag?: string;
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The name for a file */
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "audio/wav": string;
                    "audio/flac": string;
                    "audio/mpeg": string;
                    "audio/ogg": string;
                    "audio/mp4": string;
                    "audio/aac": string;
                    "audio/pcm": string;
                };
            };
            /** @description The part of the audio that `Range` asks for */
            206: {
                headers: {
                    /** @description Of this very audio, for `If-None-Match` and `If-Range` */
                    ETag?: string;
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The name for a file */
                    "Content-Disposition"?: string;
                    /** @description Which bytes these are */
                    "Content-Range"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "audio/wav": string;
                    "audio/flac": string;
                    "audio/mpeg": string;
                    "audio/ogg": string;
                    "audio/mp4": string;
                    "audio/aac": string;
                    "audio/pcm": string;
                };
            };
            /** @description The audio is the one that `If-None-Match` names */
            304: {
                headers: {
                    /** @description Of this very audio, for `If-None-Match` and `If-Range` */
                    ETag?: string;
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The name for a file */
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            /** @description The range lies beyond the end of the file */
            416: {
                headers: {
                    /** @description Which bytes these are */
                    "Content-Range"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "error": {
                     *         "code": "INVALID_REQUEST",
                     *         "message": "the range lies beyond the end of the file",
                     *         "details": {}
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    headAudio: {
        parameters: {
            query?: {
                format?: "wav" | "flac" | "mp3" | "opus" | "m4a" | "aac" | "pcm" | null;
                partial?: boolean;
                live?: boolean;
            };
            header?: {
                Range?: string | null;
                "If-Range"?: string | null;
                "If-None-Match"?: string | null;
            };
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The audio */
            200: {
                headers: {
                    /** @description Of this very audio, for `If-None-Match` and `If-Range` */
                    ETag?: string;
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The name for a file */
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The audio is the one that `If-None-Match` names */
            304: {
                headers: {
                    /** @description Of this very audio, for `If-None-Match` and `If-Range` */
                    ETag?: string;
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The name for a file */
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    linkAudio: {
        parameters: {
            query?: {
                format?: "wav" | "flac" | "mp3" | "opus" | "aac" | "pcm";
                seconds?: number;
            };
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AudioLink"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    createSpeech: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "model": "tts-1",
                 *       "input": "The lamp was lit.",
                 *       "voice": "alloy",
                 *       "response_format": "mp3"
                 *     }
                 */
                "application/json": components["schemas"]["CreateSpeechRequest"];
            };
        };
        responses: {
            /** @description The audio */
            200: {
                headers: {
                    /** @description The id of the job */
                    "X-Request-Id"?: string;
                    /** @description Where its audio can be fetched again */
                    "Content-Location"?: string;
                    /** @description Fields of the request that mean nothing here */
                    "X-Ignored-Fields"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "audio/wav": string;
                    "audio/flac": string;
                    "audio/mpeg": string;
                    "audio/ogg": string;
                    "audio/aac": string;
                    "audio/pcm": string;
                    "text/event-stream": {
                        /** @description `error` for a failure after the first sound */
                        event?: string;
                        /** @description `speech.audio.delta` with `audio` in base64, at last `speech.audio.done` with `usage` */
                        data: string;
                    };
                };
            };
            400: components["responses"]["SpeechStatus400"];
            401: components["responses"]["SpeechStatus401"];
            403: components["responses"]["SpeechStatus403"];
            404: components["responses"]["SpeechStatus404"];
            408: components["responses"]["SpeechStatus408"];
            409: components["responses"]["SpeechStatus409"];
            413: components["responses"]["SpeechStatus413"];
            415: components["responses"]["SpeechStatus415"];
            500: components["responses"]["SpeechStatus500"];
            503: components["responses"]["SpeechStatus503"];
            507: components["responses"]["SpeechStatus507"];
        };
    };
    listSpeechVoices: {
        parameters: {
            query?: {
                model?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpeechVoiceList"];
                };
            };
            400: components["responses"]["SpeechStatus400"];
            401: components["responses"]["SpeechStatus401"];
            403: components["responses"]["SpeechStatus403"];
            404: components["responses"]["SpeechStatus404"];
            500: components["responses"]["SpeechStatus500"];
            503: components["responses"]["SpeechStatus503"];
            507: components["responses"]["SpeechStatus507"];
        };
    };
    getStats: {
        parameters: {
            query?: {
                by?: ("day" | "model" | "voice" | "lane")[] | null;
                /** @description A date, such as 2026-11-30 */
                first_day?: string | null;
                /** @description A date, such as 2026-11-30 */
                last_day?: string | null;
                lane?: "speak" | "render" | null;
                voice_id?: string | null;
                voice?: string | null;
                model_id?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobStats"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metrics, in Prometheus' text format */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    exportJobs: {
        parameters: {
            query?: {
                status?: ("queued" | "running" | "paused" | "completed" | "failed" | "canceled")[] | null;
                lane?: "speak" | "render" | null;
                voice_id?: string | null;
                voice?: string | null;
                model_id?: string | null;
                tag?: string | null;
                text?: string | null;
                /** @description ISO 8601: a date, or a date and a time */
                created_from?: string | null;
                /** @description ISO 8601: a date, or a date and a time */
                created_before?: string | null;
                format?: "csv" | "jsonl";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The jobs, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                    "text/csv": string;
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    pruneJobs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "keep_days": 30,
                 *       "keep_bytes": 20000000000,
                 *       "dry_run": true
                 *     }
                 */
                "application/json": components["schemas"]["PruneRequest"];
            };
        };
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobsPruned"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            408: components["responses"]["Status408"];
            409: components["responses"]["Status409"];
            413: components["responses"]["Status413"];
            415: components["responses"]["Status415"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    cancelJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    getJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    putJob: {
        parameters: {
            query?: {
                /** @description For a body that is text or a form; a JSON body has it itself */
                voice_id?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                voice?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                model?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                language?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                seed?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                formats?: ("flac" | "m4a" | "mp3" | "opus" | "wav")[];
                /** @description For a body that is text or a form; a JSON body has it itself */
                title?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                tags?: string[];
                /** @description For a body that is text or a form; a JSON body has it itself */
                rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                pitch?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                volume?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                temperature?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                top_k?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                top_p?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                repetition_penalty?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                text_layout?: "before" | "beside";
                /** @description For a body that is text or a form; a JSON body has it itself */
                max_seconds?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                instruct?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                allow_gaps?: boolean;
                /** @description For a body that is text or a form; a JSON body has it itself */
                max_chars?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                flac_sample_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                mp3_bit_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                mp3_sample_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                opus_bit_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                opus_sample_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                m4a_bit_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                m4a_sample_rate?: number;
            };
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "text": "Chapter one. It was late.",
                 *       "voice": "en-us",
                 *       "title": "A book",
                 *       "tags": [
                 *         "book"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["SubmitRequest"];
                /** @example The tide is out. Take good shoes. */
                "text/plain": string;
                "multipart/form-data": {
                    /** @description The text, in UTF-8 or the charset that is named */
                    text: string;
                    voice_id?: string;
                    /** @description An id, a name, or the beginning of an id */
                    voice?: string;
                    /** @description An id, or a repository of the hub; whose voice it should be */
                    model?: string;
                    /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
                    language?: string;
                    seed?: number;
                    formats?: ("flac" | "m4a" | "mp3" | "opus" | "wav")[];
                    title?: string;
                    tags?: string[];
                    rate?: number;
                    pitch?: number;
                    volume?: number;
                    temperature?: number;
                    top_k?: number;
                    top_p?: number;
                    repetition_penalty?: number;
                    /** @enum {string} */
                    text_layout?: "before" | "beside";
                    max_seconds?: number;
                    instruct?: string;
                    allow_gaps?: boolean;
                    max_chars?: number;
                    /** @description In Hertz */
                    flac_sample_rate?: number;
                    /** @description Bits per second */
                    mp3_bit_rate?: number;
                    /** @description In Hertz */
                    mp3_sample_rate?: number;
                    /** @description Bits per second */
                    opus_bit_rate?: number;
                    /** @description In Hertz */
                    opus_sample_rate?: number;
                    /** @description Bits per second */
                    m4a_bit_rate?: number;
                    /** @description In Hertz */
                    m4a_sample_rate?: number;
                };
                "application/x-www-form-urlencoded": {
                    /** @description The text, in UTF-8 or the charset that is named */
                    text: string;
                    voice_id?: string;
                    /** @description An id, a name, or the beginning of an id */
                    voice?: string;
                    /** @description An id, or a repository of the hub; whose voice it should be */
                    model?: string;
                    /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
                    language?: string;
                    seed?: number;
                    formats?: ("flac" | "m4a" | "mp3" | "opus" | "wav")[];
                    title?: string;
                    tags?: string[];
                    rate?: number;
                    pitch?: number;
                    volume?: number;
                    temperature?: number;
                    top_k?: number;
                    top_p?: number;
                    repetition_penalty?: number;
                    /** @enum {string} */
                    text_layout?: "before" | "beside";
                    max_seconds?: number;
                    instruct?: string;
                    allow_gaps?: boolean;
                    max_chars?: number;
                    /** @description In Hertz */
                    flac_sample_rate?: number;
                    /** @description Bits per second */
                    mp3_bit_rate?: number;
                    /** @description In Hertz */
                    mp3_sample_rate?: number;
                    /** @description Bits per second */
                    opus_bit_rate?: number;
                    /** @description In Hertz */
                    opus_sample_rate?: number;
                    /** @description Bits per second */
                    m4a_bit_rate?: number;
                    /** @description In Hertz */
                    m4a_sample_rate?: number;
                };
            };
        };
        responses: {
            /** @description The job that came with the same id or key before */
            200: {
                headers: {
                    /** @description Where the job is */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            /** @description The job, which is queued */
            201: {
                headers: {
                    /** @description Where the job is */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            408: components["responses"]["Status408"];
            409: components["responses"]["Status409"];
            413: components["responses"]["Status413"];
            415: components["responses"]["Status415"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    deleteJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    listJobs: {
        parameters: {
            query?: {
                status?: ("queued" | "running" | "paused" | "completed" | "failed" | "canceled")[] | null;
                lane?: "speak" | "render" | null;
                voice_id?: string | null;
                voice?: string | null;
                model_id?: string | null;
                tag?: string | null;
                text?: string | null;
                /** @description ISO 8601: a date, or a date and a time */
                created_from?: string | null;
                /** @description ISO 8601: a date, or a date and a time */
                created_before?: string | null;
                cursor?: string | null;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobPage"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    submitJob: {
        parameters: {
            query?: {
                /** @description For a body that is text or a form; a JSON body has it itself */
                voice_id?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                voice?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                model?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                language?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                seed?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                formats?: ("flac" | "m4a" | "mp3" | "opus" | "wav")[];
                /** @description For a body that is text or a form; a JSON body has it itself */
                title?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                tags?: string[];
                /** @description For a body that is text or a form; a JSON body has it itself */
                rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                pitch?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                volume?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                temperature?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                top_k?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                top_p?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                repetition_penalty?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                text_layout?: "before" | "beside";
                /** @description For a body that is text or a form; a JSON body has it itself */
                max_seconds?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                instruct?: string;
                /** @description For a body that is text or a form; a JSON body has it itself */
                allow_gaps?: boolean;
                /** @description For a body that is text or a form; a JSON body has it itself */
                max_chars?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                flac_sample_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                mp3_bit_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                mp3_sample_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                opus_bit_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                opus_sample_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                m4a_bit_rate?: number;
                /** @description For a body that is text or a form; a JSON body has it itself */
                m4a_sample_rate?: number;
            };
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "text": "Chapter one. It was late.",
                 *       "voice": "en-us",
                 *       "title": "A book",
                 *       "tags": [
                 *         "book"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["SubmitRequest"];
                /** @example The tide is out. Take good shoes. */
                "text/plain": string;
                "multipart/form-data": {
                    /** @description The text, in UTF-8 or the charset that is named */
                    text: string;
                    voice_id?: string;
                    /** @description An id, a name, or the beginning of an id */
                    voice?: string;
                    /** @description An id, or a repository of the hub; whose voice it should be */
                    model?: string;
                    /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
                    language?: string;
                    seed?: number;
                    formats?: ("flac" | "m4a" | "mp3" | "opus" | "wav")[];
                    title?: string;
                    tags?: string[];
                    rate?: number;
                    pitch?: number;
                    volume?: number;
                    temperature?: number;
                    top_k?: number;
                    top_p?: number;
                    repetition_penalty?: number;
                    /** @enum {string} */
                    text_layout?: "before" | "beside";
                    max_seconds?: number;
                    instruct?: string;
                    allow_gaps?: boolean;
                    max_chars?: number;
                    /** @description In Hertz */
                    flac_sample_rate?: number;
                    /** @description Bits per second */
                    mp3_bit_rate?: number;
                    /** @description In Hertz */
                    mp3_sample_rate?: number;
                    /** @description Bits per second */
                    opus_bit_rate?: number;
                    /** @description In Hertz */
                    opus_sample_rate?: number;
                    /** @description Bits per second */
                    m4a_bit_rate?: number;
                    /** @description In Hertz */
                    m4a_sample_rate?: number;
                };
                "application/x-www-form-urlencoded": {
                    /** @description The text, in UTF-8 or the charset that is named */
                    text: string;
                    voice_id?: string;
                    /** @description An id, a name, or the beginning of an id */
                    voice?: string;
                    /** @description An id, or a repository of the hub; whose voice it should be */
                    model?: string;
                    /** @description A name, such as Dutch, or a BCP 47 tag, such as nl-BE; or auto */
                    language?: string;
                    seed?: number;
                    formats?: ("flac" | "m4a" | "mp3" | "opus" | "wav")[];
                    title?: string;
                    tags?: string[];
                    rate?: number;
                    pitch?: number;
                    volume?: number;
                    temperature?: number;
                    top_k?: number;
                    top_p?: number;
                    repetition_penalty?: number;
                    /** @enum {string} */
                    text_layout?: "before" | "beside";
                    max_seconds?: number;
                    instruct?: string;
                    allow_gaps?: boolean;
                    max_chars?: number;
                    /** @description In Hertz */
                    flac_sample_rate?: number;
                    /** @description Bits per second */
                    mp3_bit_rate?: number;
                    /** @description In Hertz */
                    mp3_sample_rate?: number;
                    /** @description Bits per second */
                    opus_bit_rate?: number;
                    /** @description In Hertz */
                    opus_sample_rate?: number;
                    /** @description Bits per second */
                    m4a_bit_rate?: number;
                    /** @description In Hertz */
                    m4a_sample_rate?: number;
                };
            };
        };
        responses: {
            /** @description The job that came with the same id or key before */
            200: {
                headers: {
                    /** @description Where the job is */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            /** @description The job, which is queued */
            201: {
                headers: {
                    /** @description Where the job is */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            408: components["responses"]["Status408"];
            409: components["responses"]["Status409"];
            413: components["responses"]["Status413"];
            415: components["responses"]["Status415"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    deleteJobs: {
        parameters: {
            query?: {
                status?: ("queued" | "running" | "paused" | "completed" | "failed" | "canceled")[] | null;
                lane?: "speak" | "render" | null;
                voice_id?: string | null;
                voice?: string | null;
                model_id?: string | null;
                tag?: string | null;
                text?: string | null;
                /** @description ISO 8601: a date, or a date and a time */
                created_from?: string | null;
                /** @description ISO 8601: a date, or a date and a time */
                created_before?: string | null;
                dry_run?: boolean;
                /** @description The count that dry_run=true has given */
                expected?: number | null;
                all?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobsDeleted"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    getText: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    listArtifacts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ArtifactList"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    listChunks: {
        parameters: {
            query?: {
                start?: number;
                limit?: number;
            };
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChunkList"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    pauseJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    resumeJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    retryJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    cloneVoice: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "display_name": "Ada",
                 *       "ref_audio": {
                 *         "path": "/home/ada/voice.m4a"
                 *       },
                 *       "ref_text": "What I said."
                 *     }
                 */
                "application/json": components["schemas"]["CloneRequest"];
            };
        };
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cloned"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            408: components["responses"]["Status408"];
            409: components["responses"]["Status409"];
            413: components["responses"]["Status413"];
            415: components["responses"]["Status415"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    getVoice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                voice_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VoiceView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    deleteVoice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                voice_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    renameVoice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                voice_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "display_name": "Ada, reading"
                 *     }
                 */
                "application/json": components["schemas"]["RenameRequest"];
            };
        };
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VoiceView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            408: components["responses"]["Status408"];
            409: components["responses"]["Status409"];
            413: components["responses"]["Status413"];
            415: components["responses"]["Status415"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    designVoice: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "display_name": "Keeper",
                 *       "description": "An old man with a deep and calm voice."
                 *     }
                 */
                "application/json": components["schemas"]["DesignRequest"];
            };
        };
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cloned"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            408: components["responses"]["Status408"];
            409: components["responses"]["Status409"];
            413: components["responses"]["Status413"];
            415: components["responses"]["Status415"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    listVoices: {
        parameters: {
            query?: {
                kind?: "preset" | "clone" | "design" | null;
                model_id?: string | null;
                language?: string | null;
                named?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VoiceList"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    previewVoice: {
        parameters: {
            query?: never;
            header?: {
                Range?: string | null;
                "If-Range"?: string | null;
                "If-None-Match"?: string | null;
            };
            path: {
                voice_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The audio */
            200: {
                headers: {
                    /** @description Of this very audio, for `If-None-Match` and `If-Range` */
                    ETag?: string;
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The name for a file */
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "audio/wav": string;
                };
            };
            /** @description The part of the audio that `Range` asks for */
            206: {
                headers: {
                    /** @description Of this very audio, for `If-None-Match` and `If-Range` */
                    ETag?: string;
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The name for a file */
                    "Content-Disposition"?: string;
                    /** @description Which bytes these are */
                    "Content-Range"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "audio/wav": string;
                };
            };
            /** @description The audio is the one that `If-None-Match` names */
            304: {
                headers: {
                    /** @description Of this very audio, for `If-None-Match` and `If-Range` */
                    ETag?: string;
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description The name for a file */
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            /** @description The range lies beyond the end of the file */
            416: {
                headers: {
                    /** @description Which bytes these are */
                    "Content-Range"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "error": {
                     *         "code": "INVALID_REQUEST",
                     *         "message": "the range lies beyond the end of the file",
                     *         "details": {}
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    transcribeRecording: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "ref_audio": {
                 *         "path": "/home/ada/voice.m4a"
                 *       },
                 *       "language": "en"
                 *     }
                 */
                "application/json": components["schemas"]["TranscribeRequest"];
            };
        };
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Heard"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            408: components["responses"]["Status408"];
            409: components["responses"]["Status409"];
            413: components["responses"]["Status413"];
            415: components["responses"]["Status415"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    activateModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    cancelDownload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    checkModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckedModel"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    getModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    deleteModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    downloadModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request accepted, processing continues off-line */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    listModels: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelList"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
    unloadModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Request fulfilled, document follows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelView"];
                };
            };
            400: components["responses"]["Status400"];
            401: components["responses"]["Status401"];
            403: components["responses"]["Status403"];
            404: components["responses"]["Status404"];
            409: components["responses"]["Status409"];
            500: components["responses"]["Status500"];
            503: components["responses"]["Status503"];
            507: components["responses"]["Status507"];
        };
    };
}
