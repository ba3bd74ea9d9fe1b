import { setTimeout as delay } from 'node:timers/promises';
import { pick } from '../../../../gateway/test/support/random.ts';
import { afterScript, type KillPoint } from '../kill-points.ts';
import { deeds } from '../points-of-orders.ts';
import { workerPoints } from '../points-of-workers.ts';
import type { Process, Site, Store } from './site.ts';

type Killing =
  | { readonly victim: Process['what'] | Store }
  /** Between two steps of a process dies the process, or what it was just talking to. */
  | { readonly of: Process['what']; readonly at: KillPoint; readonly dies: 'itself' | 'the other' };

/** What was killed, where, and whether it came to that point. */
export type Killed = { readonly what: string; readonly reached: boolean };

const transferPoints: readonly KillPoint[] = ['send_units', 'receive_units', 'settle_transfer'].map(
  (file) => ({
    name: `after ${file}`,
    ...afterScript(file),
  }),
);

const points: readonly (readonly [Process['what'], KillPoint])[] = [
  ...[...deeds.map(({ at }) => at), ...transferPoints].map((at) => ['ticket-service', at] as const),
  ...Object.values(workerPoints)
    .flat()
    .map((at) => ['workers', at] as const),
];
const betweenSteps: readonly Killing[] = points.flatMap(([of, at]) => [
  { of, at, dies: 'itself' },
  { of, at, dies: 'the other' },
]);
/** How many are killed until all points have had their turn: after every second one somebody dies at any moment. */
export const wholeDeck = betweenSteps.length + Math.floor(betweenSteps.length / 2);
const anybody: readonly (Process['what'] | Store)[] = [
  'redis',
  'postgres',
  'simulator',
  'ticket-service',
  'workers',
];

/** Longer than it takes to come to any point that the orders lead to. */
const comesWithinMs = 2_000;

/**
 * Kills one process after the other while there is `more` to do, and starts it again; each is written down in `killed`.
 * The order is the random's: two between named steps, then one at any moment, and so on until all have had their turn
 * and it begins anew.
 */
export async function killWhile(
  more: () => boolean,
  site: Site,
  random: () => number,
  killed: Killed[],
): Promise<void> {
  let others: readonly (Process['what'] | Store)[] = [];
  while (more()) {
    for (const [at, killing] of shuffled(betweenSteps, random).entries()) {
      if (!more()) break;
      killed.push(await kill(site, killing, random));
      if (at % 2 === 0 || !more()) continue;
      if (others.length === 0) others = shuffled(anybody, random);
      const [victim, ...rest] = others;
      others = rest;
      if (victim !== undefined) killed.push(await kill(site, { victim }, random));
    }
  }
}

async function kill(site: Site, killing: Killing, random: () => number): Promise<Killed> {
  if ('at' in killing) return killBetween(site, killing, random);
  const { victim } = killing;
  await delay(Math.floor(random() * 200));
  if (isProcess(victim)) await restart(site, pick(random, named(site, victim)));
  else await site.crash(victim);
  return { what: `${victim} at any moment`, reached: true };
}

async function killBetween(
  site: Site,
  { of, at, dies }: Extract<Killing, { at: KillPoint }>,
  random: () => number,
): Promise<Killed> {
  const process = pick(random, named(site, of));
  const wire = process.taps[at.wire];
  const reached = await Promise.race([wire.freezeAt(at).then(() => true), delay(comesWithinMs, false)]);
  const store = at.wire === 'provider' ? 'simulator' : at.wire;
  if (dies === 'itself') await restart(site, process);
  else {
    await site.crash(store);
    wire.thaw();
  }
  return { what: `${dies === 'itself' ? of : store} (${of}) ${at.name}`, reached };
}

async function restart(site: Site, process: Process): Promise<void> {
  await process.service.kill();
  await site.revive(process);
}

const isProcess = (victim: Process['what'] | Store): victim is Process['what'] =>
  victim === 'ticket-service' || victim === 'workers';

const named = (site: Site, what: Process['what']): readonly Process[] =>
  site.processes.filter((process) => process.what === what);

function shuffled<T>(all: readonly T[], random: () => number): readonly T[] {
  const from = [...all];
  return all.map(() => from.splice(Math.floor(random() * from.length), 1)[0] as T);
}
