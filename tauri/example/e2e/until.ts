// Waiting: for a condition, with a deadline, and with words for what did not come.

/** Long enough for a slow machine; a test that passes never waits so long. */
export const PATIENCE_MS = Number(process.env.E2E_PATIENCE_MS ?? 60_000);

const LOOK_AGAIN_MS = 40;

/** Asks until the answer is neither false, null nor undefined, and gives it. An error counts as no answer yet. */
export async function until<T>(
  ask: () => T | Promise<T>,
  what: string,
  patienceMs: number = PATIENCE_MS,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = Date.now() + patienceMs;
  let last: unknown;
  for (;;) {
    try {
      last = await ask();
      if (last !== false && last !== null && last !== undefined)
        return last as NonNullable<Exclude<T, false>>;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`${what}: not within ${patienceMs / 1000} s; last: ${String(last)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
