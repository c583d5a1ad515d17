/** One job: how it is, how far, and what can be done with it. */

import { useState } from "react";
import type { Client, Job } from "tauri-plugin-qwen-tts-api";
import { FINAL, jobName } from "../jobs";
import type { Listening } from "../listening";
import type { Saving } from "../saving";
import { sentence } from "../speaking";
import { count, date, duration } from "../wording";
import { Failure } from "./failure";
import { MainButton } from "./main-button";
import { Sure } from "./sure";

const TONE: Record<Job["status"], string> = {
  queued: "",
  running: "busy",
  paused: "",
  completed: "good",
  failed: "bad",
  canceled: "",
};

/** How far a job is, or what became of it. */
export function facts(job: Job): string {
  const { progress } = job;
  const said = [`${count(progress.characters_total)} characters`];
  if (job.status === "queued" && progress.queue_position)
    said.push(`number ${progress.queue_position} in the queue`);
  if (progress.audio_seconds > 0) said.push(`${duration(progress.audio_seconds)} of speech`);
  if (job.status === "running") {
    said.push(
      progress.seconds_left === null ? "time left unknown yet" : `${duration(progress.seconds_left)} left`,
    );
  }
  if (job.warnings.length > 0)
    said.push(job.warnings.length === 1 ? "1 warning" : `${job.warnings.length} warnings`);
  return said.join(" · ");
}

interface Given {
  client: Client;
  job: Job;
  voice: string | undefined;
  listening: Listening;
  saving: Saving;
  onJob(job: Job): void;
  onGone(): void;
}

export function JobItem({ client, job, voice, listening, saving, onJob, onGone }: Given) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const name = jobName(job);
  const final = FINAL.includes(job.status);
  const heard = listening.id === job.job_id;
  const { characters_done, characters_total } = job.progress;

  const act = (ask: () => Promise<Job | undefined>) => {
    setBusy(true);
    setError(null);
    ask()
      .then(
        (after) => (after === undefined ? onGone() : onJob(after)),
        (why: unknown) => setError(sentence(why)),
      )
      .finally(() => setBusy(false));
  };
  const button = (label: string, act: () => void, off = busy) => (
    <MainButton className="small" label={label} act={act} off={off} name={name} />
  );
  const paused = job.status === "paused";

  return (
    <li className="item job" data-job={job.job_id} data-job-status={job.status}>
      <p className="item-name" title={name}>
        <b>{name}</b> <span className={`tag ${TONE[job.status]}`}>{job.status}</span>
      </p>
      <p className="item-facts number">
        {date(job.created_at)}
        {voice === undefined ? "" : ` · ${voice}`} · {facts(job)}
      </p>
      <div className="item-acts">
        {!final &&
          (paused
            ? button("Resume", () => act(() => client.jobs.resume(job.job_id)))
            : button("Pause", () => act(() => client.jobs.pause(job.job_id))))}
        {!final && button("Cancel", () => act(() => client.jobs.cancel(job.job_id)))}
        {job.progress.audio_seconds > 0 &&
          (heard
            ? button("Stop", listening.stop, false)
            : button("Listen", () => listening.job(client, job.job_id)))}
        {job.status === "completed" &&
          button(
            saving.busy === job.job_id ? "Saving…" : "Save WAV",
            () => saving.save(client, job),
            saving.busy !== null,
          )}
        {(job.status === "failed" || job.status === "canceled") &&
          button("Retry", () => act(() => client.jobs.retry(job.job_id)))}
        {final && (
          <Sure
            label="Delete"
            ask="Really delete?"
            name={name}
            onSure={() =>
              act(async () => {
                await client.jobs.delete(job.job_id);
                return undefined;
              })
            }
          />
        )}
      </div>
      {!final && (
        <progress
          className="wide"
          aria-label={`Progress: ${name}`}
          max={characters_total}
          value={characters_done}
        />
      )}
      {(job.error ?? error) && (
        <div className="wide">
          <Failure>{error ?? `${job.error?.message} (${job.error?.code})`}</Failure>
        </div>
      )}
    </li>
  );
}
