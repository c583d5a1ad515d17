/** The engine's models: which there are, which one new voices are made for, and how to get more. */

import type { Loaded } from "q3tts-client/react";
import { useState } from "react";
import type { Client, Model } from "tauri-plugin-qwen-tts-api";
import { Failure } from "../parts/failure";
import { Sure } from "../parts/sure";
import { sentence } from "../speaking";
import { duration, size } from "../wording";

const STATES: Record<Model["state"], [word: string, tone: string]> = {
  absent: ["not here yet", ""],
  downloading: ["downloading", "busy"],
  installed: ["installed", ""],
  loading: ["loading", "busy"],
  active: ["active", "good"],
  broken: ["broken", "bad"],
};

export function Models({ client, list }: { client: Client; list: Loaded<Model[]> }) {
  const { data: models, error: unread, refresh } = list;
  const [failed, setError] = useState<string | null>(null);
  const error = failed ?? unread?.message;

  return (
    <section className="models" aria-labelledby="models-title">
      <h2 id="models-title">Models</h2>
      {error && <Failure onClose={() => setError(null)}>{error}</Failure>}
      <ul className="list">
        {models?.map((model) => (
          <ModelItem
            key={model.model_id}
            client={client}
            model={model}
            onChange={refresh}
            onFailure={setError}
          />
        ))}
      </ul>
    </section>
  );
}

interface Given {
  client: Client;
  model: Model;
  onChange(): void;
  onFailure(message: string | null): void;
}

function ModelItem({ client, model, onChange, onFailure }: Given) {
  const [busy, setBusy] = useState<string | null>(null);
  const id = model.model_id;
  const [word, tone] = STATES[model.state];
  const act = (what: string, ask: () => Promise<unknown>) => {
    setBusy(what);
    onFailure(null);
    ask()
      .catch((why: unknown) => onFailure(sentence(why)))
      .finally(() => {
        setBusy(null);
        onChange();
      });
  };
  const button = (label: string, during: string, ask: () => Promise<unknown>) => (
    <button
      type="button"
      className="small"
      disabled={busy !== null}
      aria-label={`${label}: ${model.display_name}`}
      onClick={() => act(during, ask)}
    >
      {busy === during ? during : label}
    </button>
  );
  const builtIn = model.repository === null && model.bytes === null;
  const part = model.download !== null && model.download.bytes_done > 0;
  const failed = model.state === "absent" ? model.download?.error : null;

  return (
    <li className="item" data-model={id} data-model-state={model.state}>
      <p className="item-name">
        <b>{model.display_name}</b> <span className={`tag ${tone}`}>{word}</span>
      </p>
      <p className="item-facts number">{modelFacts(model).join(" · ")}</p>
      <div className="item-acts">
        {model.state === "absent" &&
          button(part ? "Go on" : "Download", "Asking…", () => client.models.download(id))}
        {model.state === "downloading" && button("Cancel", "Canceling…", () => client.models.cancel(id))}
        {model.state === "installed" && button("Activate", "Loading…", () => client.models.activate(id))}
        {model.state === "active" &&
          model.loaded &&
          button("Unload", "Unloading…", () => client.models.unload(id))}
        {!builtIn && (model.state === "installed" || model.state === "broken") && (
          <Sure
            label="Delete"
            ask="Really delete?"
            name={model.display_name}
            onSure={() => act("Deleting…", () => client.models.delete(id))}
          />
        )}
      </div>
      {model.state === "downloading" && (
        <progress
          className="wide"
          aria-label={`Download: ${model.display_name}`}
          max={model.download?.bytes_total ?? undefined}
          value={model.download?.bytes_total ? model.download.bytes_done : undefined}
        />
      )}
      {(model.reason ?? failed?.message) && (
        <div className="wide">
          <Failure>{model.reason ?? failed?.message}</Failure>
        </div>
      )}
    </li>
  );
}

/** What it is, how large, what it can do, how far it is. */
function modelFacts({ task, bytes, capabilities, download, state, loaded }: Model): string[] {
  const said = [task === "stt" ? "Speech to text" : "Text to speech"];
  if (state === "downloading" && download) {
    said.push(
      `${size(download.bytes_done)} of ${download.bytes_total === null ? "?" : size(download.bytes_total)}`,
    );
    if (download.bytes_per_second) said.push(`${size(download.bytes_per_second)} a second`);
    if (download.seconds_left !== null) said.push(`${duration(download.seconds_left)} left`);
    return said;
  }
  if (bytes !== null) said.push(size(bytes));
  if (capabilities?.supports_voice_clone) said.push("clones voices");
  if (capabilities?.supports_voice_design) said.push("makes voices from descriptions");
  if (loaded) said.push("in memory");
  return said;
}
