// A sound server of this test run's own: loudspeakers whose sound is recorded, and a microphone that hears a file.
// run.sh starts the server and says where its pipes are.

import { spawn } from "node:child_process";
import { createReadStream, type ReadStream } from "node:fs";

const folder = process.env.E2E_SOUND ?? "";

/** Why there is no sound here; null if there is. */
export const noSound: string | null = folder === "" ? "run.sh has started no sound server" : null;

/** What the loudspeakers play, from the moment on when this was made. */
export class Ear {
  private loud = 0;
  private readonly pipe: ReadStream;

  constructor() {
    this.pipe = createReadStream(`${folder}/speakers`);
    this.pipe.on("data", (data) => {
      const bytes = Buffer.from(data);
      for (let at = 0; at + 1 < bytes.length; at += 2) {
        if (Math.abs(bytes.readInt16LE(at)) > 300) this.loud += 1;
      }
    });
  }

  /** How many samples were not silent. */
  get loudSamples(): number {
    return this.loud;
  }

  forget(): void {
    this.loud = 0;
  }

  close(): void {
    this.pipe.destroy();
  }
}

/** Lets the microphone hear a WAV file of 16 bits again and again, until what is returned is called. */
export function say(wavFile: string): () => void {
  // The pipe takes no more than is heard. Behind the head, which has 44 bytes, there are samples.
  const script = 'while :; do tail -c +45 "$1"; done > "$2"';
  const mouth = spawn("sh", ["-c", script, "sh", wavFile, `${folder}/microphone`], {
    stdio: "ignore",
    detached: true,
  });
  return () => {
    if (mouth.pid !== undefined) process.kill(-mouth.pid, "SIGKILL");
  };
}
