import { randomBytes } from 'node:crypto';
import { createLog } from '@ropeline/core/log.ts';
import { createRegistry } from '@ropeline/core/metrics.ts';
import { connectRedis, connectRedisForWaiting } from '@ropeline/core/redis/connect.ts';
import { EntrySigner, EntryVerifier } from '@ropeline/core/token/entry-token.ts';
import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { exportJWK, generateKeyPair } from 'jose';
import { createDataPlane } from '../../../gateway/src/app.ts';
import { createMetrics } from '../../../gateway/src/metrics.ts';
import { RedisQueueEngine } from '../../../gateway/src/queue/redis-engine.ts';
import { Rooms } from '../../../gateway/src/queue/rooms.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../../gateway/src/queue/rules.ts';
import { reportPort } from './bench-process.ts';

/** A gateway's data plane with one busy room `bench` on the Redis given: nobody is admitted. */
const [redisUrl = ''] = process.argv.slice(2);
const log = createLog('bench', 'warn');
const redis = connectRedis(redisUrl, { name: 'bench', log });
const subscriber = connectRedisForWaiting(redisUrl, { name: 'bench-subscriber', log });
const metrics = createMetrics(createRegistry(false));
const engine = new RedisQueueEngine(redis, metrics.observeScript);
const rooms = new Rooms({ engine, redis, subscriber, log, metricsOf: metrics.ofRoom });
await rooms.start();
const rules = mergeRules(defaultRules, { admission: { ratePerMinute: 0 }, queue: { alwaysOn: true } });
await rooms.create('bench', rules as RoomRules, 'bench');

const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
const signer = await EntrySigner.create([{ ...(await exportJWK(privateKey)), kid: 'bench' }]);
const plane = createDataPlane({
  rooms,
  tickets: new PlaceTickets([randomBytes(32).toString('hex')]),
  signer,
  verifier: new EntryVerifier('ropeline'),
  issuer: 'ropeline',
  assets: { page: {}, missing: undefined, find: () => undefined },
  trustedProxies: [],
  upstream: 'http://127.0.0.1:1',
  upstreamConnections: 1,
  maxConnections: 10_000,
  log,
  onProxied: () => undefined,
  notReady: () => [],
});
reportPort(await plane.server.listen('127.0.0.1', 0));
