// A page that shows what the hooks say, in StrictMode. The address has the connection and the voice.

import { Client } from "q3tts-client";
import { ClientProvider, useHealth, useJobs, useModels, useSpeech, useVoices } from "q3tts-client/react";
import { type ReactElement, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

const { connection, voice, text } = JSON.parse(decodeURIComponent(location.hash.slice(1)));

function Speaker(): ReactElement {
  const { speak, pause, resume, stop, state, range, error } = useSpeech();
  return (
    <section>
      <button type="button" id="speak" onClick={() => speak(text, voice)}>
        Speak
      </button>
      <button type="button" id="nothing" onClick={() => speak(" ", voice)}>
        Speak nothing
      </button>
      <button type="button" id="pause" onClick={pause}>
        Pause
      </button>
      <button type="button" id="resume" onClick={resume}>
        Resume
      </button>
      <button type="button" id="stop" onClick={stop}>
        Stop
      </button>
      <output id="state">{state}</output>
      <p>{range ? <mark>{text.slice(range.start, range.end)}</mark> : null}</p>
      <output id="error">{error?.message}</output>
    </section>
  );
}

function Lists(): ReactElement {
  const voices = useVoices({ kind: "preset" });
  const models = useModels();
  const jobs = useJobs({ limit: 5 });
  const health = useHealth();
  return (
    <ul>
      <li id="voices">{voices.data?.length}</li>
      <li id="models">{models.data?.map(({ model_id, state }) => `${model_id} ${state}`).join(", ")}</li>
      <li id="jobs">{jobs.data?.map(({ lane, status }) => `${lane} ${status}`).join(", ")}</li>
      <li id="health">{health.data?.active_model_id}</li>
    </ul>
  );
}

function App(): ReactElement {
  const [client, setClient] = useState<Client | null>(null);
  const [speaking, setSpeaking] = useState(true);
  return (
    <ClientProvider client={client}>
      <button type="button" id="connect" onClick={() => setClient(new Client(connection))}>
        Connect
      </button>
      <button type="button" id="leave" onClick={() => setSpeaking(false)}>
        Leave
      </button>
      {speaking ? <Speaker /> : null}
      <Lists />
    </ClientProvider>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
