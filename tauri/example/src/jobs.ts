/** Jobs as they go on: a page of them, kept up to date by the engine's events. */

import { useCallback, useEffect, useRef, useState } from "react";
import type { Client, Job, JobFilter } from "tauri-plugin-qwen-tts-api";
import { sentence } from "./speaking";

export interface JobList {
  jobs: Job[] | null;
  /** Where the next page begins; null on the last one. */
  next: string | null;
  error: string | null;
  reload(): void;
  /** Puts in what an answer has said about a job. */
  put(job: Job): void;
}

/** The filter is compared by what it says. */
export function useJobList(client: Client, filter: JobFilter): JobList {
  const [page, setPage] = useState<{ jobs: Job[] | null; next: string | null }>({ jobs: null, next: null });
  const [error, setError] = useState<string | null>(null);
  const [asked, setAsked] = useState(0);
  const wanted = JSON.stringify(filter);
  const known = useRef(new Set<string>());

  // biome-ignore lint/correctness/useExhaustiveDependencies: each time somebody asks
  useEffect(() => {
    const left = new AbortController();
    client.jobs.list(JSON.parse(wanted) as JobFilter, { signal: left.signal }).then(
      ({ jobs, next_cursor }) => {
        known.current = new Set(jobs.map((job) => job.job_id));
        setPage({ jobs, next: next_cursor });
        setError(null);
      },
      (why: unknown) => {
        if (!left.signal.aborted) setError(sentence(why));
      },
    );
    return () => left.abort();
  }, [client, wanted, asked]);

  const reload = useCallback(() => setAsked((times) => times + 1), []);
  const put = useCallback((job: Job) => {
    setPage((now) => ({
      ...now,
      jobs: now.jobs?.map((each) => (each.job_id === job.job_id ? job : each)) ?? null,
    }));
  }, []);

  useEffect(() => {
    const left = new AbortController();
    const watch = async () => {
      for await (const event of client.events({ signal: left.signal })) {
        if (event.type === "JOB_PROGRESS" && known.current.has(event.job_id)) {
          const { job_id, progress } = event;
          setPage((now) => ({
            ...now,
            jobs:
              now.jobs?.map((job) =>
                job.job_id === job_id ? { ...job, status: "running", progress } : job,
              ) ?? null,
          }));
        } else reload(); // Also when the connection has just been made: something may have happened before.
      }
    };
    watch().catch((why: unknown) => {
      if (!left.signal.aborted) setError(sentence(why));
    });
    return () => left.abort();
  }, [client, reload]);

  return { ...page, error, reload, put };
}

export const FINAL: readonly Job["status"][] = ["completed", "failed", "canceled"];

/** What to call a job that has no title. */
export function jobName(job: Job): string {
  return job.title ?? (job.lane === "speak" ? "Read aloud" : "Untitled");
}
