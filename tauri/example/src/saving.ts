/** Gives files to the user: they go to the Downloads folder, and the app says where they are. */

import { listen } from "@tauri-apps/api/event";
import { useCallback, useEffect, useState } from "react";
import type { Client, Job } from "tauri-plugin-qwen-tts-api";
import { jobName } from "./jobs";
import { sentence } from "./speaking";
import { fileName } from "./wording";

export interface Saving {
  /** The job whose file is being fetched. */
  busy: string | null;
  /** Where the last file went. */
  path: string | null;
  error: string | null;
  save(client: Client, job: Job): void;
  forget(): void;
}

export function useSaving(): Saving {
  const [busy, setBusy] = useState<string | null>(null);
  const [path, setPath] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    const heard = listen<{ path: string | null }>("saved", ({ payload }) => {
      setBusy(null);
      setPath(payload.path);
      setError(payload.path === null ? "The file could not be written to the Downloads folder." : null);
    });
    heard.catch(() => {}); // Outside of the app nothing is heard; the browser shows its own downloads.
    return () => void heard.then((stop) => stop()).catch(() => {});
  }, []);

  const save = useCallback((client: Client, job: Job) => {
    setBusy(job.job_id);
    setPath(null);
    setError(null);
    client.jobs.audio(job.job_id).then(
      (file) => {
        const url = URL.createObjectURL(file);
        const link = document.createElement("a");
        link.href = url;
        link.download = `${fileName(jobName(job))}.wav`;
        link.click();
        // The webview reads the address after the click; a minute is more than it needs.
        setTimeout(() => URL.revokeObjectURL(url), 60_000);
      },
      (why: unknown) => {
        setBusy(null);
        setError(sentence(why));
      },
    );
  }, []);

  const forget = useCallback(() => {
    setPath(null);
    setError(null);
  }, []);
  return { busy, path, error, save, forget };
}
