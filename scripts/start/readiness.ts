import { setTimeout as delay } from 'node:timers/promises';
import type { Addresses } from './addresses.ts';
import { Refusal } from './refusal.ts';

const withinMs = 60_000;
const everyMs = 50;

/**
 * Resolves when every process says of itself that it can do its work: listening is not enough, the ticket service
 * also waits for the gateway's keys and for its stock. Throws {@link Refusal} naming who cannot within a minute.
 */
export async function untilReady(addresses: Addresses, stopped: AbortSignal): Promise<void> {
  const { gateway, control, ticket, workers, payment } = addresses;
  const probes = [`${gateway}/_ropeline`, control, ticket, workers, payment].map(
    (url) => `${url}/health/ready`,
  );
  await Promise.all(probes.map((probe) => untilOk(probe, stopped)));
}

async function untilOk(probe: string, stopped: AbortSignal): Promise<void> {
  const deadline = Date.now() + withinMs;
  let last = 'no answer';
  while (Date.now() < deadline) {
    try {
      const answer = await fetch(probe, { signal: AbortSignal.timeout(5_000) });
      last = await answer.text();
      if (answer.ok) return;
    } catch {
      // It died and is being started again; the terminal says so.
    }
    await delay(everyMs, undefined, { signal: stopped });
  }
  throw new Refusal(`${probe} does not become ready: ${last}`);
}
