import { setTimeout as delay } from 'node:timers/promises';
import { pick } from '../../../../gateway/test/support/random.ts';
import { afterScript, type KillPoint } from '../kill-points.ts';
import { deeds } from '../points-of-orders.ts';
import { workerPoints } from '../points-of-workers.ts';
import type { Process, Site, Store } from './site.ts';

type Killing = {
  readonly victim: Process['what'] | Store;
  /** Undefined: at any moment. */
  readonly at?: KillPoint;
};

/** What was killed, where, and whether it came to that point. */
export type Killed = { readonly what: string; readonly reached: boolean };

const transferPoints: readonly KillPoint[] = ['send_units', 'receive_units', 'settle_transfer'].map(
  (file) => ({
    name: `after ${file}`,
    ...afterScript(file),
  }),
);

/** Every named point and, between them, every process at any moment. */
const killings: readonly Killing[] = [
  ...[...deeds.map(({ at }) => at), ...transferPoints].map(
    (at) => ({ victim: 'ticket-service', at }) as const,
  ),
  ...Object.values(workerPoints)
    .flat()
    .map((at) => ({ victim: 'workers', at }) as const),
];
const atAnyMoment: readonly Killing['victim'][] = [
  'redis',
  'postgres',
  'simulator',
  'ticket-service',
  'workers',
];

/** Longer than it takes to come to any point that the orders lead to. */
const comesWithinMs = 2_000;

/**
 * Kills one process after the other while there is `more` to do, and starts it again. The order is the random's:
 * three named points, then a process at any moment, and so on until all have had their turn and it begins anew.
 */
export async function killWhile(
  more: () => boolean,
  site: Site,
  random: () => number,
): Promise<readonly Killed[]> {
  const killed: Killed[] = [];
  while (more()) {
    const points = shuffled(killings, random);
    const others = Array.from({ length: Math.ceil(points.length / 10) }, () =>
      shuffled(atAnyMoment, random),
    ).flat();
    for (const [at, killing] of points.entries()) {
      if (!more()) break;
      killed.push(await kill(site, killing, random));
      const victim = others[Math.floor(at / 2)];
      if (at % 2 === 1 && victim !== undefined && more()) killed.push(await kill(site, { victim }, random));
    }
  }
  return killed;
}

async function kill(site: Site, { victim, at }: Killing, random: () => number): Promise<Killed> {
  const what = `${victim} ${at?.name ?? 'at any moment'}`;
  if (victim === 'redis' || victim === 'postgres' || victim === 'simulator') {
    await site.crash(victim);
    return { what, reached: true };
  }
  const process = pick(
    random,
    site.processes.filter((one) => one.what === victim),
  );
  const reached =
    at === undefined
      ? await delay(Math.floor(random() * 200), true)
      : await Promise.race([
          process.taps[at.wire].freezeAt(at).then(() => true),
          delay(comesWithinMs, false),
        ]);
  await process.service.kill();
  await site.revive(process);
  return { what, reached };
}

function shuffled<T>(all: readonly T[], random: () => number): readonly T[] {
  const from = [...all];
  return all.map(() => from.splice(Math.floor(random() * from.length), 1)[0] as T);
}
