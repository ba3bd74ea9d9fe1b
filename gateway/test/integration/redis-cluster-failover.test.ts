import { roomKeys } from '@ropeline/core/redis/room-keys.ts';
import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../../../testing/redis-cluster.ts';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import type { Broadcast } from '../../src/queue/broadcast.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { type Joined, Visits } from '../../src/queue/visitors/visits.ts';
import { admissionsOf } from '../support/admissions-of.ts';
import { judgeAdmissions } from '../support/judge-admissions.ts';
import { createRoom, type OpenRooms, openRooms } from '../support/open-rooms.ts';
import { observe } from '../support/queue-observer.ts';

const visits = new Visits(new PlaceTickets(['a secret of at least thirty-two bytes']));
const windowSeconds = 600;
const admission = { ratePerMinute: 1_200, burst: 0, capacity: 1_000 };
/** Ten seconds' worth. */
const size = 200;

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster({ withReplicas: true });
});
afterAll(() => cluster.stop());

async function roomOn(node: ClusterNode): Promise<string> {
  for (;;) {
    const room = uniqueRoom();
    if ((await cluster.homeOf(roomKeys(room).pacer)) === node) return room;
  }
}

async function join(room: LiveRoom): Promise<Joined> {
  const joined = await visits.join(room, 0, undefined);
  if (joined.refused !== undefined) throw new Error(`refused: ${joined.refused}`);
  return joined;
}

async function listens({ redis }: ClusterNode): Promise<boolean> {
  return String(await redis.client('LIST')).includes('name=test-subscriber');
}

test('a master that is killed and one that hangs take their rooms away until their replicas are promoted; others go on, and nobody loses the place', async () => {
  const gateways: OpenRooms[] = [await openRooms(cluster.url)];
  const [killed, hung, spared] = cluster.masters as [ClusterNode, ClusterNode, ClusterNode];
  // Somebody must hear the broadcasts by each of the nodes that are lost.
  while (!((await listens(killed)) && (await listens(hung)))) gateways.push(await openRooms(cluster.url));
  const other = await crowdOn(gateways, spared);
  const crowds: Crowd[] = [];

  for (const [node, signal] of [[killed, 'SIGKILL'] as const, [hung, 'SIGSTOP'] as const]) {
    // While the crowd moves: where nobody waits the gateways sleep, and notice no master that only hangs.
    const crowd = await crowdOn(gateways, node);
    crowds.push(crowd);
    const { rooms } = crowd;
    process.kill(node.pid, signal);
    // A node that hangs is found out by each gateway at another moment, and one may be back before another is away.
    const away = await until(() => rooms.find(({ state }) => state === 'redis-away'));
    if (signal === 'SIGKILL') await until(() => rooms.every(({ state }) => state === 'redis-away'));
    await expect(visits.join(away, 0, undefined)).rejects.toMatchObject({
      code: 'unavailable',
      retryAfterSeconds: 2,
    });
    expect(other.rooms.map(({ link }) => link)).not.toContain('away');
    other.places.push(await join(other.rooms[0] as LiveRoom));
    await cluster.promote(node);
    await until(() => rooms.every(({ link }) => link !== 'away'));
  }
  // It wakes up as a master of its own opinion.
  process.kill(hung.pid, 'SIGCONT');

  for (const { rooms, places, heard, since } of [...crowds, other]) {
    const [first] = rooms as [LiveRoom];
    await until(() => rooms.every(({ link }) => link === 'up'));
    places.push(await join(rooms.at(-1) as LiveRoom));
    const history = await until(async () => {
      const found = await admissionsOf(gateways[0] as OpenRooms, first.cursor, heard, windowSeconds * 1_000);
      return found.count('admitted') === places.length && found;
    });
    history.rules(-1, since, { ...admission, serves: true });
    const admitted = history.happenings.flatMap((one) => (one.type === 'admitted' ? [one.visitor] : []));
    expect(admitted).toEqual(places.map(({ visitor }) => visitor.id));
    expect(judgeAdmissions(history.happenings, { mayForget: true })).toEqual([]);
    const found = await Promise.all(places.map(({ ticket }) => visits.find(first, ticket)));
    expect(found.map(({ visitor }) => visitor?.state)).toEqual(places.map(() => 'admitted'));
    // Every gateway hears the broadcast again, by whichever node.
    const fields = [['flag.paused', '1']] as const;
    const change = { author: 'test', action: 'pause', reason: '', expectedVersion: 0, fields };
    await first.engine.change(first.cursor, change);
    await until(() => rooms.every(({ state }) => state === 'paused'));
  }
});

type Crowd = {
  readonly node: ClusterNode;
  /** One room, as each of the gateways sees it. */
  readonly rooms: readonly LiveRoom[];
  readonly places: Joined[];
  /** By each of the nodes that were listened on. */
  readonly heard: readonly (readonly Broadcast[])[];
  readonly since: number;
};

/** A room on the node with a crowd that has begun to move. */
async function crowdOn(gateways: readonly OpenRooms[], node: ClusterNode): Promise<Crowd> {
  const since = Date.now();
  const name = await roomOn(node);
  const presence = { graceSeconds: 600, leaseSeconds: 600 };
  const rules = {
    admission: { ...admission, ratePerMinute: 0 },
    queue: { alwaysOn: true },
    claim: { windowSeconds },
    presence,
  };
  await createRoom(gateways[0] as OpenRooms, name, rules);
  const rooms = await Promise.all(gateways.map((gateway) => until(() => gateway.rooms.get(name))));
  const room = { ...(gateways[0] as OpenRooms), cursor: (rooms[0] as LiveRoom).cursor };
  // A message on any node reaches all of them: these two are there before the node is lost and after it.
  const [, , spared] = cluster.masters as [ClusterNode, ClusterNode, ClusterNode];
  const listeners = await Promise.all([node, spared].map(({ url }) => observe(url, room)));
  const heard = listeners.map((listener) => listener.heard);
  const places: Joined[] = [];
  for (let i = 0; i < size; i += 1) places.push(await join(rooms[i % rooms.length] as LiveRoom));
  // Not before: however long it took to gather, most of them still wait when the node goes.
  const fields = [['admission.ratePerMinute', String(admission.ratePerMinute)]] as const;
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0, fields };
  await room.engine.change(room.cursor, change);
  await until(() => places.filter(({ visitor }) => visitor.state === 'admitted').length >= 3);
  return { node, rooms, places, heard, since };
}
