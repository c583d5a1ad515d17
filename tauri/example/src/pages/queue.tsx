/** Documents that become files: add one, watch it, save it. */

import { useVoices } from "q3tts-client/react";
import { type FormEvent, useState } from "react";
import type { Client } from "tauri-plugin-qwen-tts-api";
import { useJobList } from "../jobs";
import { Failure } from "../parts/failure";
import { Jobs } from "../parts/jobs";
import { NeedsEngine } from "../parts/needs-engine";
import { TextFile } from "../parts/text-file";
import { RateChoice, VoiceChoice } from "../parts/voice-choice";
import { useRemembered } from "../remembered";
import { sentence } from "../speaking";
import { chosenOf, speakerOf } from "../voices";
import { count } from "../wording";

export function Queue() {
  return <NeedsEngine what="Queued documents">{(client) => <Documents client={client} />}</NeedsEngine>;
}

function Documents({ client }: { client: Client }) {
  const list = useJobList(client, { lane: "render", limit: 50 });
  return (
    <>
      <Adding client={client} onAdded={list.reload} />
      <h2>Documents</h2>
      <Jobs
        client={client}
        list={list}
        none="Nothing is queued. Add a text above, and it becomes a WAV file."
      />
    </>
  );
}

function Adding({ client, onAdded }: { client: Client; onAdded(): void }) {
  const { data: voices } = useVoices();
  const [voice, setVoice] = useRemembered<string>("voice.qwen", "");
  const [rate, setRate] = useState(1);
  const [title, setTitle] = useState("");
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const speakers = (voices ?? []).map(speakerOf);
  const chosen = chosenOf(speakers, voice);

  const add = (event: FormEvent) => {
    event.preventDefault();
    if (chosen === undefined || text.trim() === "" || busy) return;
    setBusy(true);
    setError(null);
    // The next document may be typed while this one is on its way; one that is refused comes back.
    setText("");
    setTitle("");
    client.jobs
      .submit({ voice_id: chosen.id, text, title: title.trim() || firstWords(text), settings: { rate } })
      .then(onAdded, (why: unknown) => {
        setError(sentence(why));
        setText((now) => now || text);
        setTitle((now) => now || title);
      })
      .finally(() => setBusy(false));
  };

  return (
    <form className="adding" onSubmit={add} aria-label="Add a document">
      <label className="field">
        <span>Title</span>
        <input
          type="text"
          name="title"
          maxLength={200}
          value={title}
          placeholder={text ? firstWords(text) : "Its first words, if you give none"}
          onChange={(event) => setTitle(event.target.value)}
        />
      </label>
      <label className="field">
        <span>Text</span>
        <textarea
          name="text"
          rows={4}
          value={text}
          placeholder="Paste or type a text, or open a file."
          spellCheck={false}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <div className="fields">
        <VoiceChoice speakers={speakers} none="None" voice={voice} onVoice={setVoice} />
        <RateChoice rate={rate} onRate={setRate} />
      </div>
      {error && <Failure onClose={() => setError(null)}>{error}</Failure>}
      <div className="row spread">
        <div className="row">
          <button
            type="submit"
            className="primary"
            disabled={busy || text.trim() === "" || chosen === undefined}
          >
            Add to the queue
          </button>
          <TextFile
            onFailure={setError}
            onText={(opened, name) => {
              setError(null);
              setText(opened);
              setTitle((now) => now.trim() || name.slice(0, 200)); // A title that was typed stays.
            }}
          />
        </div>
        <p className="soft number">{count(text.length)} characters</p>
      </div>
    </form>
  );
}

/** The first words of a text, as its title: up to 60 characters of its first line that has any. */
export function firstWords(text: string): string {
  const line =
    /\S[^\n]*/
      .exec(text)?.[0]
      .replace(/^#+\s*/, "")
      .trim() ?? "";
  if (line.length <= 60) return line;
  return `${line.slice(0, 60).replace(/\s+\S*$/, "")}…`;
}
