/** A voice from a recording: the recording, exactly what is said in it, and the consent of whose voice it is. */

import { type FormEvent, useState } from "react";
import type { Client, Health } from "tauri-plugin-qwen-tts-api";
import { Failure } from "../parts/failure";
import { type Recorded, RecordingChoice } from "../parts/recording-choice";
import { sentence } from "../speaking";

interface Given {
  client: Client;
  health: Health | null;
  onMade(): void;
  onClose(): void;
}

export function Cloning({ client, health, onMade, onClose }: Given) {
  const [recorded, setRecorded] = useState<Recorded | null>(null);
  const [name, setName] = useState("");
  const [words, setWords] = useState("");
  const [agreed, setAgreed] = useState(false);
  const [busy, setBusy] = useState<"cloning" | "transcribing" | null>(null);
  const [error, setError] = useState<string | null>(null);
  const able = health?.capabilities.supports_voice_clone ?? true;
  const hears = health?.capabilities.supports_transcription ?? false;
  const ready = recorded !== null && name.trim() !== "" && words.trim() !== "" && agreed && busy === null;

  const run = (what: "cloning" | "transcribing", ask: () => Promise<void>) => {
    setBusy(what);
    setError(null);
    ask()
      .catch((why: unknown) => setError(sentence(why)))
      .finally(() => setBusy(null));
  };
  const clone = (event: FormEvent) => {
    event.preventDefault();
    if (!ready) return;
    run("cloning", async () => {
      await client.voices.clone({
        display_name: name.trim(),
        ref_audio: recorded.wav,
        ref_text: words.trim(),
      });
      onMade();
    });
  };
  const transcribe = () => {
    if (recorded === null) return;
    run("transcribing", async () => {
      setWords((await client.voices.transcribe({ ref_audio: recorded.wav })).text);
    });
  };

  return (
    <form className="sheet" onSubmit={clone} aria-label="Clone a voice">
      <h2>Clone a voice</h2>
      {!able && (
        <p className="note">
          The active model, {health?.active_model_id}, cannot clone voices. Activate one that can, such as
          Qwen3-TTS Base, under Settings.
        </p>
      )}
      <RecordingChoice recorded={recorded} onRecorded={setRecorded} onFailure={setError} />
      <div className="fields">
        <label className="field">
          <span>Name</span>
          <input
            type="text"
            name="voice-name"
            maxLength={200}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
      </div>
      <label className="field">
        <span>What is said in the recording: all of it, word for word, and nothing else</span>
        <textarea
          name="transcript"
          rows={3}
          maxLength={4000}
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
      </label>
      {hears && (
        <div className="row">
          <button
            type="button"
            className="small"
            disabled={recorded === null || busy !== null}
            onClick={transcribe}
          >
            {busy === "transcribing" ? "Listening to it…" : "Write it down for me"}
          </button>
          <span className="soft">Read it before you use it: models mishear.</span>
        </div>
      )}
      <label className="row agree">
        <input
          type="checkbox"
          name="consent"
          checked={agreed}
          onChange={(event) => setAgreed(event.target.checked)}
        />
        <span>This is my own voice, or its owner has agreed to this use of it.</span>
      </label>
      {error && <Failure onClose={() => setError(null)}>{error}</Failure>}
      <div className="row">
        <button type="submit" className="primary" disabled={!ready}>
          {busy === "cloning" ? "Cloning…" : "Clone"}
        </button>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </form>
  );
}
