/** A recording of a voice: from a file, or from the microphone. */

import { useEffect, useRef, useState } from "react";
import { asWav, LONGEST_SECONDS, noMicrophone, type Recorder, record } from "../recording";
import { sentence } from "../speaking";

export interface Recorded {
  wav: Blob;
  name: string;
}

interface Given {
  recorded: Recorded | null;
  onRecorded(recorded: Recorded): void;
  onFailure(message: string | null): void;
}

export function RecordingChoice({ recorded, onRecorded, onFailure }: Given) {
  const input = useRef<HTMLInputElement>(null);
  const recorder = useRef<Recorder | null>(null);
  const [recording, setRecording] = useState(false);
  const [level, setLevel] = useState({ peak: 0, seconds: 0 });
  const missing = noMicrophone();

  useEffect(() => () => recorder.current?.drop(), []);

  const open = async (file: File | undefined) => {
    if (file === undefined) return;
    onFailure(null);
    try {
      onRecorded({ wav: await asWav(file), name: file.name });
    } catch (why) {
      onFailure(sentence(why));
    }
  };
  const begin = async () => {
    onFailure(null);
    setLevel({ peak: 0, seconds: 0 });
    try {
      recorder.current = await record((peak, seconds) => setLevel({ peak, seconds }));
      setRecording(true);
    } catch (why) {
      onFailure(sentence(why));
    }
  };
  const finish = async () => {
    const finished = recorder.current;
    recorder.current = null;
    setRecording(false);
    if (finished)
      onRecorded({ wav: await finished.finish(), name: `Recording of ${level.seconds.toFixed(1)} s` });
  };

  return (
    <div className="field">
      <span>Recording: 3 to 15 seconds of one person, without music or noise</span>
      <div className="row">
        <button type="button" disabled={recording} onClick={() => input.current?.click()}>
          Open a recording…
        </button>
        <input
          ref={input}
          className="unseen recording-file"
          type="file"
          accept="audio/*,.wav,.flac,.mp3,.m4a,.ogg"
          aria-label="Recording"
          tabIndex={-1}
          onChange={(event) => {
            const chosen = event.target;
            open(chosen.files?.[0]).finally(() => {
              chosen.value = "";
            });
          }}
        />
        {recording ? (
          <button type="button" className="primary" onClick={finish}>
            Stop recording
          </button>
        ) : (
          <button type="button" onClick={begin} disabled={missing !== null}>
            Record
          </button>
        )}
        {recording ? (
          <>
            <meter
              min={0}
              max={1}
              low={0.05}
              high={0.95}
              optimum={0.5}
              value={level.peak}
              aria-label="Loudness"
            />
            <span className="number" role="timer">
              {level.seconds.toFixed(1)} s{level.seconds >= LONGEST_SECONDS ? ", which is the most" : ""}
            </span>
          </>
        ) : (
          <span className="soft chosen-recording">{recorded?.name ?? missing ?? "None yet."}</span>
        )}
      </div>
    </div>
  );
}
