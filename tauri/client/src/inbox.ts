// A queue between callbacks that fill it and one reader that awaits it. It does not bound itself: who fills it asks
// how full it is.

type Wake<T> = { resolve(result: IteratorResult<T, undefined>): void; reject(error: unknown): void };

const OVER = { done: true, value: undefined } as const;

export class Inbox<T> {
  readonly #items: T[] = [];
  #end: { error: unknown } | "end" | null = null;
  #reader: Wake<T> | null = null;

  /** Called after each item that was taken. */
  ontaken: (item: T) => void = () => undefined;

  push(item: T): void {
    if (this.#end !== null) return;
    this.#items.push(item);
    this.#serve();
  }

  /** What is queued is still read. */
  end(): void {
    this.#end ??= "end";
    this.#serve();
  }

  /** What is queued is still read, then the reader gets the error. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#serve();
  }

  /** Forget what is queued, and end, or fail. */
  clear(failure?: { error: unknown }): void {
    this.#items.length = 0;
    this.#end = failure ?? "end";
    this.#serve();
  }

  /** Forget what is queued for this, which is the last. Nothing happens when the reader has seen the end. */
  last(item: T): void {
    if (this.#end !== null && this.#items.length === 0) return;
    this.#items.splice(0, this.#items.length, item);
    this.#end = "end";
    this.#serve();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#reader !== null)
      return Promise.reject(new TypeError("one reader at a time: await next() first"));
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#serve();
    });
  }

  #serve(): void {
    const reader = this.#reader;
    if (reader === null) return;
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#reader = null;
      reader.resolve({ done: false, value: item });
      this.ontaken(item);
    } else if (this.#end !== null) {
      const end = this.#end;
      this.#reader = null;
      this.#end = "end"; // an error is said once
      if (end === "end") reader.resolve(OVER);
      else reader.reject(end.error);
    }
  }
}
