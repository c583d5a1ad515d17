/** The voices that can be chosen: the engine's, or the system's. One shape for both. */

import { useEffect, useState } from "react";
import type { Voice } from "tauri-plugin-qwen-tts-api";
import { onSystemVoices, systemVoices } from "./system-voice";

export interface Speaker {
  id: string;
  name: string;
  /** BCP 47; null for one that speaks whatever it is given. */
  language: string | null;
}

/** The system's voices, as the webview finds them. */
export function useSystemSpeakers(): Speaker[] {
  const [speakers, setSpeakers] = useState<Speaker[]>([]);
  useEffect(() => {
    const read = () =>
      setSpeakers(
        systemVoices().map((voice) => ({
          id: voice.voiceURI,
          name: voice.name,
          language: voice.lang || null,
        })),
      );
    read();
    return onSystemVoices(read);
  }, []);
  return speakers;
}

export function speakerOf(voice: Voice): Speaker {
  return { id: voice.voice_id, name: voice.display_name, language: voice.language_hint };
}

/** The language without its region, by which voices are grouped: "en" of "en-GB". */
export function family(language: string | null): string {
  return language?.split(/[-_]/)[0]?.toLowerCase() ?? "";
}

/** The one that was chosen; or, when that is not there, one who speaks the page's language; or the first. */
export function chosenOf(speakers: readonly Speaker[], id: string): Speaker | undefined {
  const own = family(navigator.language);
  return (
    speakers.find((each) => each.id === id) ??
    speakers.find((each) => family(each.language) === own) ??
    speakers.find((each) => family(each.language) === "en") ??
    speakers[0]
  );
}
