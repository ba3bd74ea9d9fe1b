import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { decodeJwt } from 'jose';
import { cleanedUp } from '../../../testing/scope.ts';
import { openLive } from './live-client.ts';
import type { TestGateway } from './start-gateway.ts';

const pollMs = 250;
const claimAgainMs = 500;
const comeBackMs = 200;

/** A visitor who claims as soon as the turn comes, and what it was told. */
export type CrowdVisitor = {
  readonly id: string;
  ticket: string;
  readonly gateway: TestGateway;
  readonly score: number;
  /** `claimBy` of each turn, in the order told. */
  readonly turns: number[];
  /** States of the room, as told by the socket or as the reason of a poll. */
  readonly told: string[];
  readonly entries: Entry[];
  /** Has asked for the turn, and has no answer yet. */
  isClaiming: boolean;
  /** The test is over. */
  isGone: boolean;
};

export function at({ origin, room }: TestGateway, path: string): string {
  return `${origin}/_ropeline/rooms/${room.name}${path}`;
}

export const bearer = (ticket: string): RequestInit => ({ headers: { authorization: `Bearer ${ticket}` } });

export async function joinAt(gateway: TestGateway): Promise<CrowdVisitor> {
  const answer = await fetch(at(gateway, '/join'), { method: 'POST' });
  if (answer.status !== 201) throw new Error(`join was answered ${answer.status}`);
  const { visitor, place = '' } = (await answer.json()) as Status;
  const score = gateway.room.roster.get(visitor)?.score ?? 0;
  const facts = { id: visitor, ticket: place, gateway, score };
  return cleanedUp(
    { ...facts, turns: [], told: [], entries: [], isClaiming: false, isGone: false },
    (gone: CrowdVisitor) => {
      gone.isGone = true;
    },
  );
}

/** Joins `count` visitors at the gateways in turn; every `pollersEach`-th polls, the others are on sockets. */
export async function gather(
  gateways: readonly TestGateway[],
  count: number,
  pollersEach: number,
): Promise<CrowdVisitor[]> {
  const crowd: CrowdVisitor[] = [];
  for (let i = 0; i < count; i += 1) {
    const visitor = await joinAt(gateways[i % gateways.length] as TestGateway);
    crowd.push(visitor);
    if (i % pollersEach === 0) poll(visitor);
    else await listen(visitor);
  }
  return crowd;
}

/**
 * On a socket, and on another when that is closed to come back. A claim that failed is tried again, as pages do, also
 * one that did its work and whose answer was lost with Redis.
 */
export async function listen(visitor: CrowdVisitor): Promise<void> {
  const { gateway, turns, told, entries } = visitor;
  const client = openLive(gateway.origin, gateway.room.name, visitor.ticket);
  const claim = (): void => {
    if (entries.length > 0 || client.socket.readyState !== 1) return;
    visitor.isClaiming = true;
    client.socket.send(JSON.stringify({ type: 'claim' }));
  };
  client.socket.on('message', (data) => {
    const message = JSON.parse(String(data));
    if (message.type === 'state') told.push(message.state);
    if (message.type === 'entry') entries.push(message);
    if (message.type === 'entry' || message.type === 'status') visitor.isClaiming = false;
    if (message.place !== undefined) visitor.ticket = message.place;
    if (message.type === 'admitted') {
      turns.push(message.claimBy);
      claim();
    }
    if (message.type === 'status' && mayClaim(message)) setTimeout(claim, claimAgainMs);
  });
  void client.closed.then(({ code }) => {
    visitor.isClaiming = false;
    if (code < 4_000 || code >= 4_500) return;
    setTimeout(() => {
      if (!visitor.isGone) listen(visitor).catch(() => undefined);
    }, comeBackMs);
  });
  await client.first('status');
}

export function poll(visitor: CrowdVisitor): void {
  const { gateway, turns, told, entries } = visitor;
  const ask = async (): Promise<void> => {
    const status = (await (await fetch(at(gateway, '/status'), bearer(visitor.ticket))).json()) as Status;
    if (status.place !== undefined) visitor.ticket = status.place;
    if (status.reason !== undefined) told.push(status.reason);
    const { claimBy } = status;
    if (claimBy !== undefined && !turns.includes(claimBy)) turns.push(claimBy);
    if (!mayClaim(status) || entries.length > 0) return;
    visitor.isClaiming = true;
    const claimed = await fetch(at(gateway, '/claim'), { method: 'POST', ...bearer(visitor.ticket) });
    if (claimed.status === 200) entries.push((await claimed.json()) as Entry);
    visitor.isClaiming = false;
  };
  const again = (): void => {
    setTimeout(() => {
      if (!visitor.isGone)
        ask().then(again, () => {
          visitor.isClaiming = false;
          again();
        });
    }, pollMs);
  };
  again();
}

const mayClaim = ({ state }: Pick<Status, 'state'>): boolean => state === 'admitted' || state === 'active';

/** `jti` of every entry that the visitor has got, each once. */
export function entriesOf({ entries }: CrowdVisitor): readonly string[] {
  return [...new Set(entries.map(({ entryToken }) => decodeJwt(entryToken).jti ?? ''))];
}

export function turnOf(jti: string): number {
  return Number(jti.slice(jti.lastIndexOf('.') + 1));
}
