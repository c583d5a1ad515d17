// Who wants to be told of what.

type Callbacks<Events> = { [Name in keyof Events]?: Set<(value: Events[Name]) => void> };

export class Listeners<Events> {
  readonly #callbacks: Callbacks<Events> = {};

  /** What is returned ends it. */
  add<Name extends keyof Events>(name: Name, callback: (value: Events[Name]) => void): () => void {
    const callbacks = this.#callbacks[name] ?? new Set();
    this.#callbacks[name] = callbacks;
    callbacks.add(callback);
    return () => {
      callbacks.delete(callback);
    };
  }

  /** Who comes or goes meanwhile changes nothing for this time. What one throws is not the others' concern, nor ours. */
  tell<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const callback of [...(this.#callbacks[name] ?? [])]) {
      try {
        callback(value);
      } catch (error) {
        complain(error);
      }
    }
  }
}

/** As the browser does with what an event listener throws. */
function complain(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error(error);
}
