// `/v1/voices`.

import type { Asked, Http } from "./http.js";
import { refAudio } from "./recording.js";
import type {
  CloneRequest,
  DesignRequest,
  NewVoice,
  TranscribeRequest,
  Transcript,
  Voice,
  VoiceFilter,
} from "./types.js";

export class Voices {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Voices that were made here, newest first, then the presets. `language: "en"` finds `en-GB` too. */
  async list(filter: VoiceFilter = {}, asked: Asked = {}): Promise<Voice[]> {
    const answer = await this.#http.json<{ voices: Voice[] }>("GET", "/voices", { ...asked, query: filter });
    return answer.voices;
  }

  get(voiceId: string, asked: Asked = {}): Promise<Voice> {
    return this.#http.json("GET", `/voices/${encodeURIComponent(voiceId)}`, asked);
  }

  /** A short WAV file in the voice. */
  preview(voiceId: string, asked: Asked = {}): Promise<Blob> {
    return this.#http.blob(`/voices/${encodeURIComponent(voiceId)}/preview`, asked);
  }

  /** Make a voice of the active model from a recording of 1 to 30 seconds and exactly what is said in it. */
  async clone(request: CloneRequest, asked: Asked = {}): Promise<NewVoice> {
    const body = { ...request, ref_audio: await refAudio(request.ref_audio) };
    return await this.#http.json("POST", "/voices/clone", { ...asked, body, once: true });
  }

  /** What is said in a recording, by the active speech-to-text model. */
  async transcribe(request: TranscribeRequest, asked: Asked = {}): Promise<Transcript> {
    const body = { ...request, ref_audio: await refAudio(request.ref_audio) };
    return await this.#http.json("POST", "/voices/clone/transcribe", { ...asked, body });
  }

  /** Make a voice of the active model from a description. */
  design(request: DesignRequest, asked: Asked = {}): Promise<NewVoice> {
    return this.#http.json("POST", "/voices/design", { ...asked, body: request, once: true });
  }

  /** Give a voice that was made here another name. */
  rename(voiceId: string, displayName: string, asked: Asked = {}): Promise<Voice> {
    const body = { display_name: displayName };
    return this.#http.json("PATCH", `/voices/${encodeURIComponent(voiceId)}`, { ...asked, body });
  }

  /** Delete a voice that was made here. */
  async delete(voiceId: string, asked: Asked = {}): Promise<void> {
    await this.#http.json("DELETE", `/voices/${encodeURIComponent(voiceId)}`, { ...asked, once: true });
  }
}
