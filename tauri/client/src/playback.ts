// One speech on its way to the ear: read, made ready, played, and where it is. It does not know where the sound
// goes (`Output`), nor where the events come from.

import { latencyOf } from "./clock.js";
import { SpeechError } from "./errors.js";
import { Feed } from "./feed.js";
import { Listeners } from "./listeners.js";
import type { Report } from "./output.js";
import { Place } from "./place.js";
import {
  FINAL,
  type Metrics,
  type OpenSound,
  type PlaybackEvents,
  type PlaybackState,
  type PlayOptions,
  type Position,
  type Sound,
  type Source,
  type WaitingFor,
} from "./playing.js";
import { heed } from "./signals.js";
import type { StreamEvent } from "./stream-event.js";

const TAIL_TICK_MS = 20;
/** For a sound that says no more. */
const STOP_MS = 250;

export class Playback {
  /** Resolves when all has been heard, or it was stopped; rejects when it failed. */
  readonly done: Promise<void>;

  readonly #options: PlayOptions;
  readonly #begun = performance.now();
  readonly #listeners = new Listeners<PlaybackEvents>();
  #settle!: { resolve(): void; reject(error: unknown): void };
  #sound: Sound | null = null;
  #place: Place | null = null;
  #feed: Feed | null = null;
  #wanted: "playing" | "paused" | "stopped" = "playing";
  #state: PlaybackState = "waiting";
  #waitingFor: WaitingFor = "audio";
  #report: Report = { state: "filling", time: 0, frames: 0, underruns: 0, peak: 0 };
  #failure: { error: unknown } | null = null;
  #firstAudioMs: number | null = null;
  #tail: ReturnType<typeof setInterval> | null = null;

  /** Made by `Player.play`. */
  constructor(source: Source | PromiseLike<Source>, opening: OpenSound, options: PlayOptions) {
    this.#options = options;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.done.catch(() => undefined); // the state says it too
    heed(options.signal, this.done, () => void this.stop());
    if (this.#isOver())
      Promise.resolve(source).catch(() => undefined); // it is not read; it may fail all the same
    else void this.#run(source, opening);
  }

  get state(): PlaybackState {
    return this.#state;
  }

  /** While the state is `waiting`. */
  get waitingFor(): WaitingFor | null {
    return this.#state === "waiting" ? this.#waitingFor : null;
  }

  get position(): Position {
    return this.#place?.position ?? { seconds: 0, range: null, chunk: null };
  }

  /** Why the state is `failed`. */
  get error(): unknown {
    return this.#state === "failed" ? this.#failure?.error : null;
  }

  get metrics(): Metrics {
    const { frames, underruns, peak } = this.#report;
    const played = this.#sound === null ? 0 : this.#place?.inStream(frames, this.#sound.context);
    return {
      firstAudioMs: this.#firstAudioMs,
      underruns,
      peak,
      output: this.#sound?.output.kind ?? null,
      samplesPlayed: Math.round(played ?? 0),
    };
  }

  /** Be told; what is returned ends it. */
  on<Name extends keyof PlaybackEvents>(
    name: Name,
    callback: (value: PlaybackEvents[Name]) => void,
  ): () => void {
    return this.#listeners.add(name, callback);
  }

  pause(): void {
    if (this.#wanted !== "playing") return;
    this.#wanted = "paused";
    this.#sound?.output.pause();
    this.update();
  }

  resume(): void {
    // The system may have put the sound to sleep meanwhile, and a call from a gesture may wake it.
    if (!this.#isOver()) this.#sound?.wake();
    if (this.#wanted !== "paused") return;
    this.#wanted = "playing";
    this.#sound?.output.resume();
    this.update();
  }

  /** Silence within a few milliseconds; the stream is closed. The job goes on: `Speech.cancel()` cancels it. */
  async stop(): Promise<void> {
    if (this.#wanted !== "stopped") {
      this.#wanted = "stopped";
      this.#feed?.leave();
      this.#sound?.output.stop();
      // A sound that does not run says nothing.
      if (this.#sound?.context.state !== "running" || this.#tail !== null) this.#finish("stopped");
      else setTimeout(() => this.#finish("stopped"), STOP_MS);
    }
    await this.done.catch(() => undefined);
  }

  async #run(coming: Source | PromiseLike<Source>, opening: OpenSound): Promise<void> {
    const sound = opening(
      (report) => this.#reported(report),
      (error) => this.#broken(error),
    );
    sound.catch(() => undefined); // it is awaited below, unless the source fails first
    try {
      const source = await coming;
      if (!this.#isOver()) {
        heed(source.canceled, this.done, () => void this.stop());
        this.#place = new Place(this.#options.text ?? source.text, this.#options.locale);
        this.#feed = new Feed(source);
        const open = await sound;
        this.#opened(open);
        await this.#feed.into(open, { came: (event) => this.#came(event), pushed: () => this.update() });
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#allRead();
    if (this.#sound === null) sound.then(({ output }) => output.stop()).catch(() => undefined);
  }

  #opened(sound: Sound): void {
    this.#sound = sound;
    if (this.#wanted === "paused") sound.output.pause();
    if (this.#wanted === "stopped") sound.output.stop();
    this.update();
  }

  #came(event: StreamEvent): void {
    this.#listeners.tell("event", event);
    if (event.type === "JOB_CANCELED") void this.stop();
    // Whoever was told of the event may have stopped it.
    if (event.type === "AUDIO_CHUNK" && !this.#isOver()) this.#place?.add(event);
  }

  /** The stream is at its end, or broken: what is here is heard, and then that is said. */
  #allRead(): void {
    if (this.#isOver()) return;
    this.#place?.end();
    this.#feed?.end();
    if ((this.#feed?.frames ?? 0) > this.#report.frames) {
      this.#sound?.output.end();
    } else {
      // Nothing is left to be heard; and a sound that waits for a gesture would not say so.
      this.#sound?.output.stop();
      this.#finish(this.#failure === null ? "ended" : "failed");
    }
  }

  #reported(report: Report): void {
    if (FINAL.has(this.#state)) return;
    this.#report = report;
    this.#place?.rendered(report);
    if (report.frames > 0) this.#firstAudioMs ??= performance.now() - this.#begun;
    this.#feed?.heard(report.frames);
    if (report.state === "drained") this.#heardOut();
    this.update();
    if (report.state === "stopped") this.#finish("stopped");
  }

  /** All is rendered; it is heard a little later. */
  #heardOut(): void {
    const { context } = this.#sound as Sound;
    const until = performance.now() + 1000 * latencyOf(context);
    this.#tail = setInterval(() => {
      this.#moved();
      if (performance.now() >= until) this.#finish(this.#failure === null ? "ended" : "failed");
    }, TAIL_TICK_MS);
  }

  #broken(cause: unknown): void {
    if (this.#isOver()) return;
    this.#failure = { error: new SpeechError("PLAYBACK", "the sound broke off", { cause }) };
    this.#finish("failed");
    this.#sound?.output.stop();
  }

  /** Look again at what there is: the browser started or stopped the sound, or something came. */
  update(): void {
    const context = this.#sound?.context.state;
    if (context === "closed") this.#broken(new Error("the AudioContext was closed"));
    if (FINAL.has(this.#state)) return;
    this.#moved();
    const running = context === "running";
    const waitingFor = !running && (this.#feed?.frames ?? 0) > 0 ? "gesture" : "audio";
    const playing = running && (this.#report.state === "playing" || this.#tail !== null);
    const state = this.#wanted === "paused" ? "paused" : playing ? "playing" : "waiting";
    const other = state === "waiting" && this.#state === "waiting" && waitingFor !== this.#waitingFor;
    this.#waitingFor = waitingFor;
    if (other) this.#listeners.tell("state", state);
    else this.#become(state);
  }

  #moved(): void {
    if (this.#sound === null || this.#wanted === "stopped") return;
    if (this.#place?.moved(this.#sound.context)) this.#listeners.tell("position", this.position);
  }

  #finish(state: "stopped" | "ended" | "failed"): void {
    if (FINAL.has(this.#state)) return;
    if (this.#tail !== null) clearInterval(this.#tail);
    if (state === "ended" && this.#place?.finish()) this.#listeners.tell("position", this.position);
    if (FINAL.has(this.#state)) return; // whoever was told of the last place has stopped it
    this.#feed?.leave();
    if (state === "failed") this.#settle.reject(this.#failure?.error);
    else this.#settle.resolve();
    this.#become(state);
  }

  #become(state: PlaybackState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#listeners.tell("state", state);
  }

  #isOver(): boolean {
    return this.#wanted === "stopped" || FINAL.has(this.#state);
  }
}
