/** A list of jobs, and what was said about saving and listening. */

import { useVoices } from "q3tts-client/react";
import { useMemo } from "react";
import type { Client } from "tauri-plugin-qwen-tts-api";
import type { JobList } from "../jobs";
import { useListening } from "../listening";
import { useSaving } from "../saving";
import { Failure } from "./failure";
import { JobItem } from "./job-item";

export function Jobs({ client, list, none }: { client: Client; list: JobList; none: string }) {
  const listening = useListening();
  const saving = useSaving();
  const { data: voices } = useVoices();
  const names = useMemo(() => new Map(voices?.map((each) => [each.voice_id, each.display_name])), [voices]);

  return (
    <>
      {list.error && <Failure>{list.error}</Failure>}
      {listening.error && <Failure>{listening.error}</Failure>}
      {saving.error && <Failure onClose={saving.forget}>{saving.error}</Failure>}
      <p role="status" aria-live="polite" className={saving.path ? "note saved" : "unseen"}>
        {saving.path && (
          <>
            Saved as <span className="path">{saving.path}</span>
          </>
        )}
      </p>
      {list.jobs?.length === 0 ? (
        <p className="empty">{none}</p>
      ) : (
        <ul className="list">
          {list.jobs?.map((job) => (
            <JobItem
              key={job.job_id}
              client={client}
              job={job}
              voice={names.get(job.voice_id)}
              listening={listening}
              saving={saving}
              onJob={list.put}
              onGone={list.reload}
            />
          ))}
        </ul>
      )}
    </>
  );
}
