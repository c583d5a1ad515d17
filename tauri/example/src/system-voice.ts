/** The voice of the operating system, through the webview's speechSynthesis. Some webviews have none. */

import type { Range, Speaking, SpeakingEvents } from "./speaking";

const synthesis = (): SpeechSynthesis | null =>
  typeof speechSynthesis === "undefined" ? null : speechSynthesis;

/** The voices that there are now; webviews find them late, and say so. */
export function systemVoices(): SpeechSynthesisVoice[] {
  return synthesis()?.getVoices() ?? [];
}

/** Calls back when the voices are others than before; returns what ends that. */
export function onSystemVoices(changed: () => void): () => void {
  const source = synthesis();
  source?.addEventListener?.("voiceschanged", changed);
  return () => source?.removeEventListener?.("voiceschanged", changed);
}

/** The word at a place of a text, for webviews that tell only where it begins. */
function wordAt(text: string, start: number, length: number | undefined): Range {
  const word = length || (/^\S+/.exec(text.slice(start, start + 200))?.[0].length ?? 0);
  return { start, end: start + word };
}

export function speakWithSystem(
  text: string,
  options: { voiceUri: string; rate: number },
  events: SpeakingEvents,
): Speaking {
  const source = synthesis();
  const voice = systemVoices().find((each) => each.voiceURI === options.voiceUri);
  const utterance = new SpeechSynthesisUtterance(text);
  let over = source === null;
  const end = (state: "ended" | "failed", why?: string) => {
    if (over) return;
    over = true;
    if (why) events.failed(why);
    else events.changed(state);
  };
  utterance.voice = voice ?? null;
  if (voice) utterance.lang = voice.lang;
  utterance.rate = options.rate;
  utterance.onstart = () => !over && events.changed("playing");
  utterance.onpause = () => !over && events.changed("paused");
  utterance.onresume = () => !over && events.changed("playing");
  utterance.onboundary = (event) => {
    if (!over && event.name !== "sentence") events.at(wordAt(text, event.charIndex, event.charLength), null);
  };
  utterance.onend = () => end("ended");
  utterance.onerror = (event) => end("failed", `The system's voice failed (${event.error}).`);
  if (source === null)
    queueMicrotask(() => events.failed("This system offers no voice to apps. Choose Qwen."));
  source?.cancel();
  source?.speak(utterance);
  return {
    pause: () => source?.pause(),
    resume: () => source?.resume(),
    stop() {
      over = true;
      source?.cancel();
    },
    metrics: () => null,
  };
}
