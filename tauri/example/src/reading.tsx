/**
 * The text that is read aloud, and how far it is: one for the whole app, so that it goes on while other pages are
 * looked at. Knows nothing of how it looks.
 */

import { usePlayer } from "q3tts-client/react";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import type { Client } from "tauri-plugin-qwen-tts-api";
import { useEngine } from "./engine";
import {
  type Metrics,
  type Range,
  type Speaking,
  type SpeakingEvents,
  type SpeakingState,
  speakWithEngine,
} from "./speaking";
import { speakWithSystem } from "./system-voice";
import { takeTurn } from "./turns";
import { chosenOf, speakerOf } from "./voices";

export interface Reading {
  text: string;
  setText(text: string): void;
  /** "starting" while the engine starts or takes the text. */
  state: "idle" | "starting" | SpeakingState;
  /** What is being read; the text may not be edited meanwhile. */
  spoken: string | null;
  word: Range | null;
  passage: Range | null;
  metrics: Metrics | null;
  error: string | null;
  speak(voice: string, rate: number): void;
  pause(): void;
  resume(): void;
  stop(): void;
}

const ReadingContext = createContext<Reading | null>(null);

export const WELCOME = `The lighthouse stands where the land ends. On clear evenings you can see its lamp from the harbour, eleven miles away.

Paste a text of your own here, or open a file. Then press Speak, and follow the words as they are heard.`;

export function ReadingProvider({ children }: { children: ReactNode }) {
  const { provider, need } = useEngine();
  const player = usePlayer();
  const [text, setText] = useState(WELCOME);
  const [state, setState] = useState<Reading["state"]>("idle");
  const [spoken, setSpoken] = useState<string | null>(null);
  const [at, setAt] = useState<{ word: Range | null; passage: Range | null }>({ word: null, passage: null });
  const [metrics, setMetrics] = useState<Metrics | null>(null);
  const [error, setError] = useState<string | null>(null);
  const speaking = useRef<Speaking | null>(null);

  /** It is over, by itself or not; what was heard is still told. */
  const rest = useCallback((next: Reading["state"]) => {
    setMetrics(speaking.current?.metrics() ?? null);
    speaking.current = null;
    setState(next);
    setSpoken(null);
    setAt({ word: null, passage: null });
  }, []);

  const stop = useCallback(() => {
    const before = speaking.current;
    if (before === null) return;
    before.stop();
    rest("idle");
  }, [rest]);

  const speak = useCallback(
    (voice: string, rate: number) => {
      takeTurn(stop);
      stop();
      setError(null);
      setMetrics(null);
      setSpoken(text);
      setState("starting");
      // What an older speech still says is not heard.
      let mine: Speaking | null = null;
      const isMine = () => mine !== null && speaking.current === mine;
      const events: SpeakingEvents = {
        changed(next) {
          if (!isMine()) return;
          if (next === "ended") rest("ended");
          else setState(next);
        },
        at(word, passage) {
          if (!isMine()) return;
          setAt({ word, passage });
          setMetrics(mine?.metrics() ?? null);
        },
        failed(message) {
          if (!isMine()) return;
          setError(message);
          rest("failed");
        },
      };
      mine =
        provider === "system"
          ? speakWithSystem(text, { voiceUri: voice, rate }, events)
          : speakWithEngine(
              need().then(async (client) => ({ client, voiceId: voice || (await firstVoice(client)) })),
              player,
              { text, rate },
              events,
            );
      speaking.current = mine;
    },
    [need, player, provider, rest, stop, text],
  );

  const pause = useCallback(() => speaking.current?.pause(), []);
  const resume = useCallback(() => speaking.current?.resume(), []);

  // Who chooses another provider wants to hear no more of the one before.
  const before = useRef(provider);
  useEffect(() => {
    if (before.current !== provider) stop();
    before.current = provider;
  }, [provider, stop]);

  const reading = useMemo(
    () => ({ text, setText, state, spoken, ...at, metrics, error, speak, pause, resume, stop }),
    [text, state, spoken, at, metrics, error, speak, pause, resume, stop],
  );
  return <ReadingContext value={reading}>{children}</ReadingContext>;
}

/** The voice of those who have chosen none yet. */
async function firstVoice(client: Client): Promise<string> {
  const voice = chosenOf((await client.voices.list()).map(speakerOf), "");
  if (voice === undefined) throw new Error("There is no voice yet. Download a model under Settings.");
  return voice.id;
}

export function useReading(): Reading {
  const reading = useContext(ReadingContext);
  if (reading === null) throw new Error("useReading is for what stands inside a ReadingProvider.");
  return reading;
}
