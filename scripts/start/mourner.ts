import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, signal } from './process-identity.ts';
import type { Watched } from './wake.ts';

/**
 * Waits for the end of its parent. When that came without the word `done`, the parent was killed: services, which
 * notice that themselves, get a few seconds; then every rank that still runs is asked to stop, and killed.
 */
const graceMs = [3_000, 500, 500, 500, 2_500];

const watched = new Map<string, Watched>();
let done = false;

process.on(
  'message',
  (message: 'done' | (Omit<Watched, 'identity'> & { identity?: Watched['identity'] })) => {
    if (message === 'done') done = true;
    else if (message.identity === undefined) watched.delete(message.name);
    else watched.set(message.name, { ...message, identity: message.identity });
  },
);
process.on('disconnect', () => {
  clearUp().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);

async function clearUp(): Promise<void> {
  if (done) return;
  for (const [rank, waitMs] of graceMs.entries()) {
    const group = [...watched.values()].filter((one) => one.rank === rank);
    for (const one of group) signal(one.identity, one.stopSignal);
    const deadline = performance.now() + waitMs;
    while (group.some((one) => isAlive(one.identity)) && performance.now() < deadline) await delay(30);
    for (const one of group) signal(one.identity, 'SIGKILL');
  }
}
