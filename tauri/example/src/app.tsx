/** The frame around the pages: where to go, how the engine is, and the keys that work everywhere. */

import { useEffect, useState } from "react";
import { useEngine } from "./engine";
import { History } from "./pages/history";
import { Queue } from "./pages/queue";
import { Read } from "./pages/read";
import { Settings } from "./pages/settings";
import { Voices } from "./pages/voices";
import { MainButton } from "./parts/main-button";
import { Status } from "./parts/status";
import { useReading } from "./reading";
import { hush } from "./turns";

const PAGES = { read: Read, queue: Queue, voices: Voices, history: History, settings: Settings };
type PageName = keyof typeof PAGES;

const NAMES: Record<PageName, string> = {
  read: "Read",
  queue: "Queue",
  voices: "Voices",
  history: "History",
  settings: "Settings",
};
const ORDER = Object.keys(PAGES) as PageName[];

export function App() {
  const [page, setPage] = useState<PageName>("read");
  const { provider } = useEngine();
  const { state, pause, resume } = useReading();
  const Page = PAGES[page];
  const speaking = state === "playing" || state === "paused" || state === "waiting" || state === "starting";

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) hush();
      const digit = Number(event.key);
      const name = ORDER[digit - 1];
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && name !== undefined) {
        event.preventDefault();
        setPage(name);
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  return (
    <div className="frame">
      <nav className="side" aria-label="Pages">
        <p className="brand">
          <Waves />
          q3tts
        </p>
        <ul>
          {ORDER.map((name, index) => (
            <li key={name}>
              <button
                type="button"
                className="page-link"
                data-page={name}
                aria-current={page === name ? "page" : undefined}
                aria-keyshortcuts={`Control+${index + 1}`}
                onClick={() => setPage(name)}
              >
                {NAMES[name]}
              </button>
            </li>
          ))}
        </ul>
        <div className="side-foot">
          {speaking && page !== "read" && (
            <fieldset className="now" aria-label="Being read">
              <button type="button" className="small" onClick={() => setPage("read")}>
                Being read
              </button>
              {state === "paused" ? (
                <MainButton className="small" label="Resume" act={resume} />
              ) : (
                <MainButton className="small" label="Pause" act={pause} off={state !== "playing"} />
              )}
            </fieldset>
          )}
          {provider === "qwen" ? <Status /> : <p className="soft provider">System voice</p>}
        </div>
      </nav>
      <main className={`page ${page}`} key={page}>
        <h1 className={page === "read" ? "unseen" : undefined}>{NAMES[page]}</h1>
        <Page />
      </main>
    </div>
  );
}

/** The app's sign. */
function Waves() {
  return (
    <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" className="waves">
      <path d="M3 8v4M6.5 5.5v9M10 3v14M13.5 6.5v7M17 8.5v3" />
    </svg>
  );
}
