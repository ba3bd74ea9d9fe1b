import { setTimeout as delay } from 'node:timers/promises';
import type { ServerMessage } from '@ropeline/core/protocol/live.ts';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { onTestFinished } from 'vitest';
import { openLive } from './live-client.ts';

/** Longer than any answer may take: a call that is cut off here has hung. */
const longestMs = 30_000;

/** A gateway, started in the test or a process of its own, as visitors of a room know it. */
export type Door = { readonly origin: string; readonly room: { readonly name: string } };

/** One who waits, and does what the queue page does: newer tickets replace older ones, lost sockets come back. */
export type WaitingVisitor = {
  readonly visitor: string;
  readonly polls: boolean;
  ticket: string;
  /** States of the visitor and of the room that were told on a socket or in a poll. */
  readonly told: Set<string>;
};

export function callRoom(gateway: Door, path: string, method: string, ticket?: string): Promise<Response> {
  return fetch(`${gateway.origin}/_ropeline/rooms/${gateway.room.name}${path}`, {
    method,
    headers: ticket === undefined ? {} : { authorization: `Bearer ${ticket}` },
    signal: AbortSignal.timeout(longestMs),
  });
}

/**
 * Visitors who have joined one after another, by turns on each of the gateways, and wait: every fourth polls unless
 * it is said otherwise, the others hold sockets. `failures` says who was let down: a call that hung or a place that was
 * not known any more.
 */
export async function waitingCrowd(
  gateways: readonly Door[],
  count: number,
  { pollsEvery, pollMs } = { pollsEvery: 4, pollMs: 200 },
) {
  const visitors: WaitingVisitor[] = [];
  const failures: string[] = [];
  const following: Promise<void>[] = [];
  const over = Promise.withResolvers<void>();
  let isOver = false;
  for (let i = 0; i < count; i += 1) {
    const gateway = gateways[i % gateways.length] as Door;
    const { visitor, place = '' } = (await (await callRoom(gateway, '/join', 'POST')).json()) as Status;
    const one = { visitor, polls: i % pollsEvery === 0, ticket: place, told: new Set<string>() };
    visitors.push(one);
    following.push(one.polls ? poll(gateway, one) : hold(gateway, one));
  }
  onTestFinished(async () => {
    isOver = true;
    over.resolve();
    await Promise.all(following);
  });
  return { visitors, failures };

  async function poll(gateway: Door, one: WaitingVisitor): Promise<void> {
    while (!isOver) {
      try {
        const answer = await callRoom(gateway, '/status', 'GET', one.ticket);
        if (answer.status === 200) heard(one, (await answer.json()) as Status);
        else if (answer.status !== 503) failures.push(`${one.visitor} was answered ${answer.status}`);
      } catch (error) {
        failures.push(`${one.visitor}: ${error}`);
      }
      await delay(pollMs);
    }
  }

  async function hold(gateway: Door, one: WaitingVisitor): Promise<void> {
    while (!isOver) {
      const { socket, closed } = openLive(gateway.origin, gateway.room.name, one.ticket);
      socket.on('message', (data) => {
        const message = JSON.parse(String(data)) as ServerMessage;
        one.told.add(message.type);
        if (message.type === 'state') one.told.add(message.state);
        if (message.type === 'status') heard(one, message as unknown as Status);
      });
      const close = await Promise.race([closed, over.promise]);
      if (close === undefined) socket.terminate();
      else if (close.code >= 4_500) {
        failures.push(`${one.visitor} was sent away by ${close.code}`);
        return;
      }
      await delay(100);
    }
  }

  function heard(one: WaitingVisitor, { visitor, state, place, reason }: Status): void {
    if (visitor !== one.visitor) failures.push(`${one.visitor} became ${visitor}`);
    if (place !== undefined) one.ticket = place;
    one.told.add(state);
    if (reason !== undefined) one.told.add(reason);
  }
}
