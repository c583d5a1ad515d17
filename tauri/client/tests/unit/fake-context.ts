// An AudioContext without sound, whose state the test changes as a system would.

export class FakeContext extends EventTarget {
  state = "suspended";
  currentTime = 0;
  sampleRate = 24_000;
  destination = {};
  /** False: it does not resume before somebody has clicked. */
  allowed = true;
  resumes = 0;

  becomes(state: string): void {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }

  async resume(): Promise<void> {
    this.resumes += 1;
    if (!this.allowed) throw new DOMException("not allowed", "NotAllowedError");
    this.becomes("running");
  }

  async suspend(): Promise<void> {
    this.becomes("suspended");
  }

  async close(): Promise<void> {
    this.becomes("closed");
  }

  createGain(): object {
    const nothing = () => undefined;
    const gain = { value: 1, cancelScheduledValues: nothing, setValueAtTime: nothing };
    return {
      connect: nothing,
      disconnect: nothing,
      gain: { ...gain, linearRampToValueAtTime: nothing },
    };
  }

  createBuffer(): object {
    return { copyToChannel: () => undefined };
  }

  createBufferSource(): object {
    return { connect: () => undefined, start: () => undefined, stop: () => undefined };
  }
}
