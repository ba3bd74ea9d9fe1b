import { setTimeout as delay } from 'node:timers/promises';

/**
 * Polls until `look` returns something other than undefined or false, and returns it.
 * Throws with the last error or answer when `timeoutMs` passes: by then it will never come, however slow the machine.
 */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  // What takes long is looked at less often: looking takes time from what is waited for.
  let pauseMs = 20;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`nothing came within ${timeoutMs} ms`, { cause: last });
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 1.1, 100);
  }
}
