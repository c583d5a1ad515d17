// The newest jobs, live: the list is read after each connection of the events, which then keep it as it is.

import { useEffect, useState } from "react";
import type { Client } from "../client.js";
import { isAbort } from "../errors.js";
import type { Job, JobFilter } from "../types.js";
import { useClient } from "./context.js";
import { type Loaded, useLoaded } from "./use-loaded.js";

export type JobsLoaded = Loaded<Job[]>;

/** Events in a row are answered with one list. */
const GATHER_MS = 100;
const AGAIN_MS = 2000;

export function useJobs(filter: JobFilter = {}): JobsLoaded {
  const client = useClient();
  const [progress, setProgress] = useState<ReadonlyMap<string, Job["progress"]>>(new Map());
  const loaded = useLoaded(
    `jobs ${JSON.stringify(filter)}`,
    async (asked: Client, signal) => (await asked.jobs.list(filter, { signal })).jobs,
    () => null,
  );
  const { refresh } = loaded;

  useEffect(() => {
    if (client === null) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        refresh();
      }, GATHER_MS);
    };
    const listen = async () => {
      for await (const event of client.events({ signal: stop.signal })) {
        if (event.type === "JOB_PROGRESS") {
          const { job_id, progress: now } = event;
          setProgress((old) => new Map(old).set(job_id, now));
        } else {
          soon();
        }
      }
    };
    let again: ReturnType<typeof setTimeout> | undefined;
    const go = () =>
      listen().catch((error) => {
        if (!stop.signal.aborted && !isAbort(error)) {
          refresh(); // which says what is wrong
          again = setTimeout(go, AGAIN_MS);
        }
      });
    void go();
    return () => {
      stop.abort();
      clearTimeout(timer);
      clearTimeout(again);
    };
  }, [client, refresh]);

  const data = loaded.data?.map((job) => newer(job, progress.get(job.job_id))) ?? null;
  return { ...loaded, data };
}

function newer(job: Job, progress: Job["progress"] | undefined): Job {
  if (job.status !== "running" || progress === undefined) return job;
  return progress.characters_done > job.progress.characters_done ? { ...job, progress } : job;
}
