// Hands on what the microphone hears, a tenth of a second at a time. It runs beside the page, in the audio's own time.

class Recorder extends AudioWorkletProcessor {
  #heard = new Float32Array(Math.round(sampleRate / 10));
  #filled = 0;

  process(inputs) {
    const samples = inputs[0]?.[0] ?? new Float32Array(0);
    for (const sample of samples) {
      this.#heard[this.#filled] = sample;
      this.#filled += 1;
      if (this.#filled === this.#heard.length) {
        this.port.postMessage(this.#heard.slice());
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
