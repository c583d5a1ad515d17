/** Sound that is listened to on a page: a voice's preview, or the audio of a job. One at a time. */

import { usePlayer } from "q3tts-client/react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Client } from "tauri-plugin-qwen-tts-api";
import { sentence } from "./speaking";
import { takeTurn } from "./turns";

export interface Listening {
  /** What is heard, or is about to be; null for silence. */
  id: string | null;
  /** True until the first sound. */
  waiting: boolean;
  error: string | null;
  preview(client: Client, voiceId: string): void;
  job(client: Client, jobId: string): void;
  stop(): void;
}

type Play = (signal: AbortSignal, sounds: () => void) => Promise<void>;

/** Plays a whole file. */
async function playFile(file: Blob, signal: AbortSignal, sounds: () => void): Promise<void> {
  const url = URL.createObjectURL(file);
  const audio = new Audio(url);
  try {
    await new Promise<void>((resolve, reject) => {
      audio.onplaying = sounds;
      audio.onended = () => resolve();
      audio.onerror = () => reject(new Error("This webview cannot play the file."));
      signal.addEventListener("abort", () => {
        audio.pause();
        resolve();
      });
      audio.play().catch(reject);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

export function useListening(): Listening {
  const player = usePlayer();
  const [heard, setHeard] = useState<{ id: string | null; waiting: boolean }>({ id: null, waiting: false });
  const [error, setError] = useState<string | null>(null);
  const turn = useRef<AbortController | null>(null);

  const stop = useCallback(() => {
    turn.current?.abort();
    turn.current = null;
    setHeard({ id: null, waiting: false });
  }, []);

  const listen = useCallback(
    (id: string, play: Play) => {
      takeTurn(stop);
      stop();
      const mine = new AbortController();
      turn.current = mine;
      setError(null);
      setHeard({ id, waiting: true });
      const sounds = () => turn.current === mine && setHeard({ id, waiting: false });
      play(mine.signal, sounds).then(
        () => turn.current === mine && stop(),
        (why: unknown) => {
          if (turn.current !== mine) return;
          stop();
          setError(sentence(why));
        },
      );
    },
    [stop],
  );

  const preview = useCallback(
    (client: Client, voiceId: string) =>
      listen(voiceId, async (signal, sounds) => {
        const file = await client.voices.preview(voiceId, { signal });
        if (!signal.aborted) await playFile(file, signal, sounds);
      }),
    [listen],
  );

  const job = useCallback(
    (client: Client, jobId: string) => {
      listen(jobId, async (signal, sounds) => {
        const playback = player.play(client.follow(jobId, { signal }), { signal });
        playback.on("state", (state) => state === "playing" && sounds());
        await playback.done;
      });
    },
    [listen, player],
  );

  // What a page plays ends with the page.
  useEffect(() => () => turn.current?.abort(), []);

  return { ...heard, error, preview, job, stop };
}
