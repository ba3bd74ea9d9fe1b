import { createLog } from '@ropeline/core/log.ts';
import { EntrySigner, EntryVerifier } from '@ropeline/core/token/entry-token.ts';
import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { exportJWK, generateKeyPair } from 'jose';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp, uniqueRoom } from '../../../testing/scope.ts';
import { createDataPlane, type DataPlane } from '../../src/app.ts';
import { loadQueueAssets } from '../../src/data-plane/page/assets.ts';
import type { LiveRoom } from '../../src/queue/live-room.ts';
import { createRoom, type OpenRooms, openRooms } from './open-rooms.ts';

const { privateKey, publicKey: _ } = await generateKeyPair('EdDSA', { extractable: true });
export const entryKeys = [{ ...(await exportJWK(privateKey)), kid: 'test-1' }];

export type TestGateway = {
  readonly origin: string;
  readonly plane: DataPlane;
  readonly open: OpenRooms;
  readonly room: LiveRoom;
};

type Options = {
  /** What differs from the default rules. */
  readonly rules?: unknown;
  readonly upstream?: string;
  readonly trustedProxies?: readonly string[];
  readonly redisUrl?: string;
  /** Serve this room instead of making a new one. */
  readonly roomName?: string;
};

export const testSecret = 'a secret of at least thirty-two bytes';

/** A whole data plane on a free port, with a room of its own; gone at the end of the test. */
export async function startGateway(options: Options = {}): Promise<TestGateway> {
  const open = await openRooms(options.redisUrl ?? (await privateRedis()));
  const room = await createRoom(open, options.roomName ?? uniqueRoom(), options.rules ?? {});
  const signer = await EntrySigner.create(entryKeys);
  const verifier = new EntryVerifier('ropeline');
  verifier.useKeys(signer.jwks);
  const plane = createDataPlane({
    rooms: open.rooms,
    tickets: new PlaceTickets([testSecret]),
    signer,
    verifier,
    issuer: 'ropeline',
    assets: loadQueueAssets(),
    trustedProxies: options.trustedProxies ?? [],
    upstream: options.upstream ?? 'http://127.0.0.1:1',
    upstreamConnections: 16,
    maxConnections: 1_000,
    log: createLog('gateway', 'silent'),
    onProxied: () => undefined,
    notReady: () => [],
  });
  const port = await plane.server.listen('127.0.0.1', 0);
  const gateway = { origin: `http://127.0.0.1:${port}`, plane, open, room };
  return cleanedUp(gateway, () => plane.close());
}

/** Rooms match every host and path unless told: a gateway under test has its Redis to itself. */
export async function privateRedis(): Promise<string> {
  return cleanedUp(await startRedis(), (redis) => redis.stop()).url;
}
