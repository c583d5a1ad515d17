// Speak and listen from a component. One speech at a time; what the component leaves behind is stopped and canceled.

import { useCallback, useEffect, useRef, useState } from "react";
import type { Client } from "../client.js";
import { isAbort, SpeechError } from "../errors.js";
import type { Playback } from "../playback.js";
import type { Player } from "../player.js";
import type { PlaybackState, WaitingFor } from "../playing.js";
import type { Speech } from "../speech.js";
import type { SpeakRequest, TextRange } from "../types.js";
import { useClient, usePlayer } from "./context.js";

/** Of `POST /v1/speak`, without the text and the voice; and the language of the text, for where its words begin. */
export type SpeakHookOptions = Omit<SpeakRequest, "text" | "voice_id"> & {
  locale?: string | undefined;
};

export interface UseSpeech {
  /** Call it in the handler of a click or a key. What was spoken before stops. */
  speak(text: string, voiceId: string, options?: SpeakHookOptions): Playback | null;
  pause(): void;
  resume(): void;
  /** Silence at once; the job is canceled. */
  stop(): void;
  /** `idle` before the first. */
  state: PlaybackState | "idle";
  waitingFor: WaitingFor | null;
  /** The word that is being heard, in UTF-16 units of the text. */
  range: TextRange | null;
  /** The stretch of text that is being heard. */
  chunk: TextRange | null;
  /** Of the audio that has been heard, in tenths: the component is not drawn anew for less. */
  seconds: number;
  error: Error | null;
  playback: Playback | null;
}

type Shown = Omit<UseSpeech, "speak" | "pause" | "resume" | "stop">;

const IDLE: Shown = {
  state: "idle",
  waitingFor: null,
  range: null,
  chunk: null,
  seconds: 0,
  error: null,
  playback: null,
};

export function useSpeech({ player: given }: { player?: Player | undefined } = {}): UseSpeech {
  const client = useClient();
  const shared = usePlayer();
  const player = given ?? shared;
  const [shown, setShown] = useState<Shown>(IDLE);
  const turn = useRef<Turn | null>(null);

  useEffect(
    () => () => {
      turn.current?.leave();
      turn.current = null;
    },
    [],
  );

  const speak = useCallback(
    (text: string, voiceId: string, { locale, ...options }: SpeakHookOptions = {}) => {
      turn.current?.leave();
      turn.current = null;
      if (client === null) {
        setShown({ ...IDLE, state: "failed", error: new SpeechError("NETWORK", "there is no engine yet") });
        return null;
      }
      const request = { ...options, text, voice_id: voiceId };
      turn.current = new Turn(client, player, request, locale, setShown);
      return turn.current.playback;
    },
    [client, player],
  );
  const pause = useCallback(() => turn.current?.playback.pause(), []);
  const resume = useCallback(() => turn.current?.playback.resume(), []);
  const stop = useCallback(() => turn.current?.stop(), []);
  return { speak, pause, resume, stop, ...shown };
}

/** One call of `speak`. */
class Turn {
  readonly playback: Playback;
  readonly #abort = new AbortController();
  readonly #unlisten: (() => void)[];
  #speech: Speech | null = null;

  constructor(
    client: Client,
    player: Player,
    request: SpeakRequest,
    locale: string | undefined,
    show: (shown: Shown) => void,
  ) {
    const speaking = client.speak(request, { signal: this.#abort.signal });
    speaking.then(
      (speech) => {
        this.#speech = speech;
      },
      () => undefined, // the playback says it
    );
    this.playback = player.play(speaking, {
      text: request.text,
      locale,
      signal: this.#abort.signal,
    });
    let last: Shown | null = null;
    const tell = () => {
      const { state } = this.playback;
      if (state === "failed" || state === "stopped") this.#cancel(); // nobody hears the rest
      const now = shownOf(this.playback);
      if (last === null || !same(last, now)) show(now);
      last = now;
    };
    this.#unlisten = [this.playback.on("state", tell), this.playback.on("position", tell)];
    tell();
  }

  stop(): void {
    if (this.playback.state === "ended") return;
    void this.playback.stop();
    this.#cancel();
  }

  #cancel(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(); // before the engine has answered, this cancels the job
    this.#speech?.cancel().catch(() => undefined); // the engine may be gone, and the job with it
  }

  /** Nobody looks any more. */
  leave(): void {
    for (const unlisten of this.#unlisten) unlisten();
    this.stop();
  }
}

function shownOf(playback: Playback): Shown {
  const { state, waitingFor, position, error } = playback;
  const { range, chunk } = position;
  const seconds = Math.floor(10 * position.seconds) / 10;
  const failure =
    error === null || isAbort(error) ? null : error instanceof Error ? error : new Error(String(error));
  return { state, waitingFor, range, chunk, seconds, error: failure, playback };
}

/** Places are compared by what they say: each look makes new ones. */
function same(one: Shown, other: Shown): boolean {
  const told = ({ range, chunk, ...rest }: Shown) => [
    ...[range?.start, range?.end, chunk?.start, chunk?.end],
    ...[rest.state, rest.waitingFor, rest.seconds, rest.error],
  ];
  const others = told(other);
  return told(one).every((value, at) => value === others[at]);
}
