/** The voices: hear one, make one from a recording, delete one. */

import { useHealth, useVoices } from "q3tts-client/react";
import { useMemo, useState } from "react";
import type { Client, Voice } from "tauri-plugin-qwen-tts-api";
import { type Listening, useListening } from "../listening";
import { Failure } from "../parts/failure";
import { NeedsEngine } from "../parts/needs-engine";
import { Sure } from "../parts/sure";
import { families } from "../parts/voice-choice";
import { sentence } from "../speaking";
import { family, speakerOf } from "../voices";
import { count, date, language } from "../wording";
import { Cloning } from "./cloning";

const KINDS: Record<Voice["kind"], string> = { preset: "built in", clone: "clone", design: "designed" };

export function Voices() {
  return <NeedsEngine what="Voices">{(client) => <VoiceList client={client} />}</NeedsEngine>;
}

function VoiceList({ client }: { client: Client }) {
  const { data: voices, error, refresh } = useVoices();
  const { data: health } = useHealth();
  const [code, setCode] = useState("");
  const [kind, setKind] = useState("");
  const [cloning, setCloning] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const listening = useListening();

  const all = useMemo(() => families((voices ?? []).map(speakerOf)), [voices]);
  const shown = (voices ?? []).filter(
    (each) => (code === "" || family(each.language_hint) === code) && (kind === "" || each.kind === kind),
  );
  const remove = (voice: Voice) => {
    setFailure(null);
    client.voices.delete(voice.voice_id).then(refresh, (why: unknown) => setFailure(sentence(why)));
  };
  const shownError = failure ?? error?.message ?? listening.error;

  return (
    <>
      <div className="fields">
        <label className="field">
          <span>Language</span>
          <select name="language" value={code} onChange={(event) => setCode(event.target.value)}>
            <option value="">All languages</option>
            {all.map((each) => (
              <option key={each.code} value={each.code}>
                {each.name}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>Kind</span>
          <select name="kind" value={kind} onChange={(event) => setKind(event.target.value)}>
            <option value="">All kinds</option>
            {Object.entries(KINDS).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          className="primary"
          aria-expanded={cloning}
          onClick={() => setCloning(!cloning)}
        >
          Clone a voice
        </button>
      </div>
      {cloning && (
        <Cloning
          client={client}
          health={health}
          onClose={() => setCloning(false)}
          onMade={() => {
            setCloning(false);
            refresh();
          }}
        />
      )}
      {shownError && <Failure>{shownError}</Failure>}
      {voices !== null && (
        <p className="soft number" role="status" aria-live="polite">
          {shown.length === 1 ? "1 voice" : `${count(shown.length)} voices`}
        </p>
      )}
      <ul className="list">
        {shown.map((voice) => (
          <VoiceItem
            key={voice.voice_id}
            client={client}
            voice={voice}
            listening={listening}
            onDelete={() => remove(voice)}
          />
        ))}
      </ul>
    </>
  );
}

interface Given {
  client: Client;
  voice: Voice;
  listening: Listening;
  onDelete(): void;
}

function VoiceItem({ client, voice, listening, onDelete }: Given) {
  const name = voice.display_name;
  const heard = listening.id === voice.voice_id;
  const said = [
    voice.language_hint === null ? "Any language" : language(voice.language_hint),
    voice.tts_model_id,
    voice.kind === "preset" ? null : `made ${date(voice.created_at)}`,
  ];
  return (
    <li className="item" data-voice={voice.voice_id} data-kind={voice.kind}>
      <p className="item-name" title={name}>
        <b>{name}</b> {voice.kind !== "preset" && <span className="tag">{KINDS[voice.kind]}</span>}
      </p>
      <p className="item-facts">{said.filter((each) => each !== null).join(" · ")}</p>
      <div className="item-acts">
        {heard ? (
          <button type="button" className="small" aria-label={`Stop: ${name}`} onClick={listening.stop}>
            {listening.waiting ? "Loading…" : "Stop"}
          </button>
        ) : (
          <button
            type="button"
            className="small"
            aria-label={`Preview: ${name}`}
            onClick={() => listening.preview(client, voice.voice_id)}
          >
            Preview
          </button>
        )}
        {voice.kind !== "preset" && (
          <Sure label="Delete" ask="Really delete?" name={name} onSure={onDelete} />
        )}
      </div>
      {(voice.description ?? voice.ref_text) && (
        <p className="wide soft quote">{voice.description ?? `“${voice.ref_text}”`}</p>
      )}
    </li>
  );
}
