// One speech on its way to the ear: read, made ready, played, and where it is. It does not know where the sound
// goes (`Output`), nor where the events come from.

import { latencyOf } from "./clock.js";
import { SpeechError } from "./errors.js";
import { Listeners } from "./listeners.js";
import type { Output, Report } from "./output.js";
import { Place } from "./place.js";
import type {
  Metrics,
  OpenSound,
  PlaybackEvents,
  PlaybackState,
  PlayOptions,
  Position,
  Sound,
  Source,
  WaitingFor,
} from "./playing.js";
import { Resampler } from "./resample.js";
import type { AudioEvent, StreamEvent } from "./stream-event.js";

/** So much is made ready before it is heard; the rest waits in the stream. */
const AHEAD_SECONDS = 10;
const TAIL_TICK_MS = 20;
/** For a sound that says no more, although it runs. */
const STOP_MS = 250;

const FINAL: ReadonlySet<PlaybackState> = new Set(["stopped", "ended", "failed"]);

export class Playback {
  /** Resolves when all has been heard, or it was stopped; rejects when it failed. */
  readonly done: Promise<void>;

  readonly #options: PlayOptions;
  readonly #begun = performance.now();
  readonly #listeners = new Listeners<PlaybackEvents>();
  #settle!: { resolve(): void; reject(error: unknown): void };
  #sound: Sound | null = null;
  #place: Place | null = null;
  #resampler: Resampler | null = null;
  #iterator: AsyncIterator<StreamEvent> | null = null;
  #wanted: "playing" | "paused" | "stopped" = "playing";
  #state: PlaybackState = "waiting";
  #waitingFor: WaitingFor = "audio";
  #report: Report = { state: "filling", time: 0, frames: 0, underruns: 0, peak: 0 };
  #frames = 0;
  #room: () => void = () => undefined;
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
    const { signal } = options;
    const aborted = () => void this.stop();
    if (signal?.aborted) {
      aborted();
      return;
    }
    signal?.addEventListener("abort", aborted, { once: true });
    const over = () => signal?.removeEventListener("abort", aborted);
    this.done.then(over, over);
    void this.#run(source, opening);
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
    if (this.#wanted !== "paused") return;
    this.#wanted = "playing";
    this.#sound?.output.resume();
    this.update();
  }

  /** Silence within a few milliseconds; the stream is closed. The job goes on: `Speech.cancel()` cancels it. */
  async stop(): Promise<void> {
    if (this.#wanted !== "stopped") {
      this.#wanted = "stopped";
      void this.#iterator?.return?.();
      this.#room();
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
        this.#place = new Place(this.#options.text ?? source.text, this.#options.locale);
        this.#iterator = source[Symbol.asyncIterator]();
        const first = this.#iterator.next(); // while the sound is being opened
        first.catch(() => undefined);
        this.#opened(await sound);
        await this.#read(first);
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
  }

  async #read(first: Promise<IteratorResult<StreamEvent>>): Promise<void> {
    for (let next = first; ; next = (this.#iterator as AsyncIterator<StreamEvent>).next()) {
      const { done, value: event } = await next;
      if (done || this.#isOver()) return;
      this.#listeners.tell("event", event);
      if (event.type === "JOB_CANCELED") return void this.stop();
      if (event.type === "AUDIO_CHUNK") await this.#take(event);
    }
  }

  async #take(event: AudioEvent): Promise<void> {
    if (this.#isOver()) return; // whoever was told of the event has stopped it
    const { context, output } = this.#sound as Sound;
    this.#resampler ??= new Resampler(event.sample_rate, context.sampleRate);
    this.#place?.add(event);
    this.#push(output, this.#resampler.push(event.samples));
    this.update();
    while (this.#frames - this.#report.frames > AHEAD_SECONDS * context.sampleRate && !this.#isOver()) {
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    }
  }

  #push(output: Output, samples: Float32Array<ArrayBuffer>): void {
    this.#frames += samples.length;
    output.push(samples);
  }

  /** The stream is at its end, or broken: what is here is heard, and then that is said. */
  #allRead(): void {
    if (this.#isOver()) return;
    this.#place?.end();
    if (this.#sound !== null && this.#resampler !== null)
      this.#push(this.#sound.output, this.#resampler.end());
    if (this.#frames > this.#report.frames) {
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
    this.#room();
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
    this.#failure = { error: new SpeechError("PLAYBACK", "The sound broke off.", { cause }) };
    void this.#iterator?.return?.();
    this.#finish("failed");
  }

  /** Look again at what there is: the browser started or stopped the sound, or something came. */
  update(): void {
    if (FINAL.has(this.#state)) return;
    this.#moved();
    const running = this.#sound?.context.state === "running";
    const waitingFor = !running && this.#frames > 0 ? "gesture" : "audio";
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
    this.#room();
    this.#become(state);
    if (state === "failed") this.#settle.reject(this.#failure?.error);
    else this.#settle.resolve();
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
