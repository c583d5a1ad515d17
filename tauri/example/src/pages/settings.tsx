/** Who speaks; how the engine is, with all that is known when something is wrong; and its models. */

import { useModels } from "q3tts-client/react";
import { useCallback, useEffect, useState } from "react";
import { getQwenLogs, type Model, type SidecarState } from "tauri-plugin-qwen-tts-api";
import { type Provider, useEngine } from "../engine";
import { Failure } from "../parts/failure";
import { phaseWords, statusWord } from "../parts/status";
import { sentence } from "../speaking";
import { useSystemSpeakers } from "../voices";
import { Models } from "./models";

export function Settings() {
  const { provider, choose, client } = useEngine();
  const models = useModels();
  const speakers = useSystemSpeakers();
  const noSystemVoice = speakers.length === 0;
  return (
    <>
      <fieldset className="providers">
        <legend>
          <h2>Who speaks</h2>
        </legend>
        <Choice
          value="qwen"
          now={provider}
          onChoose={choose}
          name="Qwen"
          says={`${whoSpeaks(provider === "qwen" ? models.data : null)} An engine runs while it is chosen.`}
        />
        <Choice
          value="system"
          now={provider}
          onChoose={choose}
          name="System voice"
          says={
            noSystemVoice
              ? "This system offers no voice to apps."
              : `The voices of the operating system: ${speakers.length}. Nothing else runs.`
          }
        />
      </fieldset>
      <EngineStatus />
      {client !== null && provider === "qwen" && <Models client={client} list={models} />}
    </>
  );
}

/** What the engine speaks with. A voice is called natural only once there is one. */
export function whoSpeaks(models: readonly Model[] | null): string {
  const active = models?.find((each) => each.task === "tts" && each.state === "active");
  if (active === undefined) return "Voices on this computer.";
  if (active.model_id !== "espeak-ng") return `Natural voices, on this computer, by ${active.display_name}.`;
  return "espeak-ng speaks, on this computer, until you activate another model below.";
}

interface Choosing {
  value: Provider;
  now: Provider;
  onChoose(provider: Provider): void;
  name: string;
  says: string;
}

function Choice({ value, now, onChoose, name, says }: Choosing) {
  return (
    <label className="provider-choice">
      <input
        type="radio"
        name="provider"
        value={value}
        checked={now === value}
        onChange={() => onChoose(value)}
      />
      <span>
        <strong>{name}</strong>
        <br />
        <span className="soft">{says}</span>
      </span>
    </label>
  );
}

function EngineStatus() {
  const { provider, state, start, failure } = useEngine();
  const error = state?.status === "Errored" ? state.error : null;
  const idle = state?.status === "Stopped" || error?.retryable === true;
  return (
    <section className="sheet engine" aria-labelledby="engine-title">
      <div className="row spread">
        <div>
          <h2 id="engine-title">The engine</h2>
          <p
            className="status"
            role="status"
            aria-live="polite"
            data-status={state?.status ?? "Unknown"}
            data-phase={state?.phase ?? ""}
            data-generation={state?.generation ?? 0}
            data-restarts={state?.restarts ?? 0}
          >
            <span className="dot" aria-hidden="true" />
            <span>
              <strong className="status-word">{statusWord(state)}</strong>
              {phaseWords(state) && <span className="soft">: {phaseWords(state)}</span>}
            </span>
          </p>
        </div>
        {provider === "qwen" && idle && (
          <button
            type="button"
            className="primary start"
            onClick={start}
            disabled={state?.phase === "stopping"}
          >
            {error === null ? "Start" : "Try again"}
          </button>
        )}
      </div>
      {state?.status === "Starting" && <progress aria-label="The engine is starting" />}
      {error && (
        <Failure>
          <p className="error-message">{error.message}</p>
        </Failure>
      )}
      {failure && <Failure>{failure}</Failure>}
      {state !== null && <Details state={state} />}
    </section>
  );
}

/** For those who look into it: numbers, the system's words, the last lines of the log. */
function Details({ state }: { state: SidecarState }) {
  const [open, setOpen] = useState(false);
  const [lines, setLines] = useState<string[] | null>(null);
  const [copied, setCopied] = useState(false);
  const { error } = state;

  const read = useCallback(() => {
    setCopied(false);
    getQwenLogs().then(setLines, (why: unknown) => setLines([`The log cannot be read: ${sentence(why)}`]));
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each state has left its lines
  useEffect(() => {
    if (open) read();
  }, [open, read, state]);

  const log = lines?.length ? lines : (error?.logTail ?? []);
  const facts: [string, string | number | null][] = [
    ["Version", state.version],
    ["Process", state.pid],
    ["Port", state.port],
    ["Restarted by itself", state.restarts || null],
    ["Code", error?.code ?? null],
    ["Detail", error?.detail || null],
  ];
  const known = facts.filter(([, value]) => value !== null);
  const copy = () => {
    const text = [...known.map(([name, value]) => `${name}: ${value}`), "", ...log].join("\n");
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };

  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Details</summary>
      <div className="details">
        {known.length > 0 && (
          <dl className="facts" data-pid={state.pid ?? ""} data-port={state.port ?? ""}>
            {known.map(([name, value]) => (
              <div key={name} className={name === "Detail" ? "wide" : undefined}>
                <dt className="label">{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        )}
        <p className="label">The engine's last lines</p>
        <pre className="log" tabIndex={-1}>
          {log.length > 0 ? log.join("\n") : "None."}
        </pre>
        <div className="row">
          <button type="button" className="small" onClick={copy}>
            {copied ? "Copied" : "Copy"}
          </button>
          <button type="button" className="small" onClick={read}>
            Read again
          </button>
        </div>
      </div>
    </details>
  );
}
