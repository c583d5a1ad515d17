/** A text, and the buttons to hear it. */

import { useVoices } from "q3tts-client/react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useEngine } from "../engine";
import { Failure } from "../parts/failure";
import { type Act, MainButton } from "../parts/main-button";
import { MarkedText } from "../parts/marked-text";
import { TextFile } from "../parts/text-file";
import { RateChoice, VoiceChoice } from "../parts/voice-choice";
import { useReading } from "../reading";
import { useRemembered } from "../remembered";
import { chosenOf, speakerOf, useSystemSpeakers } from "../voices";
import { count } from "../wording";

const WORDS: Record<string, string> = {
  idle: "",
  starting: "Starting…",
  waiting: "Waiting for the first words…",
  playing: "Speaking.",
  paused: "Paused.",
  ended: "Read to the end.",
  failed: "Stopped by an error.",
};

export function Read() {
  const { provider, choose, state: engine } = useEngine();
  const reading = useReading();
  const { state, spoken, metrics } = reading;
  const [fileError, setFileError] = useState<string | null>(null);
  const [qwenVoice, setQwenVoice] = useRemembered<string>("voice.qwen", "");
  const [systemVoice, setSystemVoice] = useRemembered<string>("voice.system", "");
  const [rateText, setRateText] = useRemembered<string>("rate", "1");
  const rate = Number(rateText) || 1;
  const { data: voices } = useVoices();
  const system = useSystemSpeakers();
  const speakers = provider === "qwen" ? (voices ?? []).map(speakerOf) : system;
  const [voice, setVoice] = provider === "qwen" ? [qwenVoice, setQwenVoice] : [systemVoice, setSystemVoice];

  const voiceless = provider === "system" && system.length === 0;
  const busy = spoken !== null;
  const empty = reading.text.trim() === "";
  const speak = () => {
    if (!busy && !empty && !voiceless) reading.speak(chosenOf(speakers, voice)?.id ?? voice, rate);
  };
  const main = useRef<HTMLButtonElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      speak();
      main.current?.focus(); // The text that had the focus makes place for the one with marks.
    }
  };
  // Stop goes away with what it stops, by itself as well; then the focus is where it can go on.
  const onStop = useRef(false);
  useEffect(() => {
    if (busy || !onStop.current) return;
    onStop.current = false;
    main.current?.focus();
  }, [busy]);
  let act: Act = { label: "Speak", act: speak, off: empty || voiceless };
  if (busy) act = { label: "Pause", act: reading.pause, off: state !== "playing" };
  if (busy && state === "paused") act = { label: "Resume", act: reading.resume };
  const says =
    state === "starting" && engine?.status === "Starting" ? "The engine is starting…" : WORDS[state];

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys work in all of the page's controls
    <div
      className="read-page"
      onKeyDown={onKeyDown}
      data-state={state}
      data-samples-played={metrics?.samplesPlayed ?? 0}
      data-first-audio-ms={metrics?.firstAudioMs ?? ""}
      data-underruns={metrics?.underruns ?? 0}
    >
      <div className="fields">
        <VoiceChoice
          speakers={speakers}
          none={provider === "qwen" ? "Listed when it is online" : "None"}
          voice={voice}
          onVoice={setVoice}
          disabled={busy}
        />
        <RateChoice rate={rate} onRate={(next) => setRateText(String(next))} disabled={busy} />
      </div>
      {spoken === null ? (
        <textarea
          className="reading-text"
          aria-label="Text to read"
          placeholder="Paste or type a text."
          spellCheck={false}
          value={reading.text}
          onChange={(event) => reading.setText(event.target.value)}
        />
      ) : (
        <MarkedText text={spoken} word={reading.word} passage={reading.passage} />
      )}
      {voiceless && (
        <p className="note row spread">
          This system offers no voice to apps.
          <button type="button" className="small" onClick={() => choose("qwen")}>
            Use Qwen
          </button>
        </p>
      )}
      {reading.error && <Failure>{reading.error}</Failure>}
      {fileError && <Failure onClose={() => setFileError(null)}>{fileError}</Failure>}
      <div className="row spread">
        <fieldset className="row" aria-label="Speech">
          <MainButton
            ref={main}
            {...act}
            className={`${act.label.toLowerCase()} ${act.label === "Pause" ? "" : "primary"}`}
            title={busy ? undefined : "Ctrl+Enter"}
          />
          {busy && (
            <button
              type="button"
              className="stop"
              onClick={reading.stop}
              onFocus={() => {
                onStop.current = true;
              }}
              onBlur={() => {
                onStop.current = false;
              }}
              title="Escape"
            >
              Stop
            </button>
          )}
          <TextFile
            disabled={busy}
            onFailure={setFileError}
            onText={(text) => {
              setFileError(null);
              reading.setText(text);
            }}
          />
        </fieldset>
        <p className="soft number">
          <span role="status" aria-live="polite" className="says">
            {says}
          </span>{" "}
          {busy ? "" : `${count(reading.text.length)} characters`}
        </p>
      </div>
    </div>
  );
}
