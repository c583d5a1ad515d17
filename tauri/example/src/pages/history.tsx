/** What was spoken and rendered: find it, hear it again, save, retry or delete it. */

import { useDeferredValue, useState } from "react";
import type { Client, JobFilter, JobStatus } from "tauri-plugin-qwen-tts-api";
import { useJobList } from "../jobs";
import { Jobs } from "../parts/jobs";
import { NeedsEngine } from "../parts/needs-engine";

const STATUSES: JobStatus[] = ["queued", "running", "paused", "completed", "failed", "canceled"];
const PAGE = 20;

export function History() {
  return <NeedsEngine what="Past jobs">{(client) => <Past client={client} />}</NeedsEngine>;
}

function Past({ client }: { client: Client }) {
  const [status, setStatus] = useState("");
  const [lane, setLane] = useState("");
  const [text, setText] = useState("");
  // The pages that were turned: each one's cursor. The last one is shown; none of them is the first page.
  const [turned, setTurned] = useState<string[]>([]);
  const looked = useDeferredValue(text.trim());

  const filter: JobFilter = { limit: PAGE };
  if (status !== "") filter.status = [status as JobStatus];
  if (lane !== "") filter.lane = lane as "speak" | "render";
  if (looked.length >= 3) filter.text = looked; // The engine looks for no less.
  const cursor = turned.at(-1);
  if (cursor !== undefined) filter.cursor = cursor;
  const list = useJobList(client, filter);
  const { next } = list;
  const first = <T,>(set: (value: T) => void) => {
    return (value: T) => {
      setTurned([]);
      set(value);
    };
  };

  return (
    <>
      <search className="fields">
        <label className="field">
          <span>Status</span>
          <select name="status" value={status} onChange={(event) => first(setStatus)(event.target.value)}>
            <option value="">Any</option>
            {STATUSES.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>Kind</span>
          <select name="lane" value={lane} onChange={(event) => first(setLane)(event.target.value)}>
            <option value="">Any</option>
            <option value="speak">Read aloud</option>
            <option value="render">Documents</option>
          </select>
        </label>
        <label className="field">
          <span>Words, 3 letters or more</span>
          <input
            type="search"
            name="text"
            value={text}
            onChange={(event) => first(setText)(event.target.value)}
          />
        </label>
      </search>
      <Jobs client={client} list={list} none="No job is like that." />
      {(turned.length > 0 || next !== null) && (
        <nav className="row" aria-label="Pages of the history">
          <button type="button" disabled={turned.length === 0} onClick={() => setTurned(turned.slice(0, -1))}>
            Newer
          </button>
          <span className="soft number">Page {turned.length + 1}</span>
          <button
            type="button"
            disabled={next === null}
            onClick={() => next !== null && setTurned([...turned, next])}
          >
            Older
          </button>
        </nav>
      )}
    </>
  );
}
