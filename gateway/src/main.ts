import { ConfigError, loadSettings } from '@ropeline/core/config.ts';
import { Lifecycle, reportReady } from '@ropeline/core/lifecycle.ts';
import { createLog } from '@ropeline/core/log.ts';
import { createRegistry } from '@ropeline/core/metrics.ts';
import { connectRedis, connectRedisForWaiting } from '@ropeline/core/redis/connect.ts';
import { EntryVerifier } from '@ropeline/core/token/entry-token.ts';
import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { createDataPlane } from './app.ts';
import { settings } from './config.ts';
import { createControlPlane } from './control-plane/app.ts';
import { parseOperatorTokens } from './control-plane/operator-tokens.ts';
import { ownControlPort } from './control-port.ts';
import { loadQueueAssets } from './data-plane/page/assets.ts';
import { readEntryKeys } from './entry-keys.ts';
import { createMetrics } from './metrics.ts';
import { RedisQueueEngine } from './queue/redis-engine.ts';
import { Rooms } from './queue/rooms.ts';
import { createMissingRooms, loadRoomsFile } from './rooms-file.ts';

async function main(): Promise<void> {
  const config = loadSettings(settings, process.env);
  const tokens = parseOperatorTokens(config.operatorTokens, config.operatorToken);
  const roomsFile = loadRoomsFile(config.roomsFile);
  const signer = await readEntryKeys(config.entryKeysFile);
  if (process.argv.includes('--check-config')) return;

  const log = createLog('gateway', config.logLevel);
  const lifecycle = new Lifecycle(log, (config.drainSeconds + 5) * 1_000);
  lifecycle.listen();
  const registry = createRegistry();
  const metrics = createMetrics(registry);

  const redis = connectRedis(config.redisUrl, { name: 'gateway', log });
  lifecycle.onStop('redis', () => redis.disconnect());
  const subscriber = connectRedisForWaiting(config.redisUrl, { name: 'gateway-subscriber', log });
  lifecycle.onStop('redis subscriber', () => subscriber.disconnect());
  const engine = new RedisQueueEngine(redis, metrics.observeScript, metrics.observeJoinBatch);
  const rooms = new Rooms({ engine, redis, subscriber, log, metricsOf: metrics.ofRoom });
  await rooms.start();
  await createMissingRooms(rooms, roomsFile);

  const verifier = new EntryVerifier(config.entryIssuer);
  verifier.useKeys(signer.jwks);
  const assets = loadQueueAssets();
  if (assets.missing !== undefined) log.warn(assets.missing);
  const plane = createDataPlane({
    ...config,
    rooms,
    tickets: new PlaceTickets(config.placeSecrets),
    signer,
    verifier,
    issuer: config.entryIssuer,
    assets,
    log,
    onProxied: metrics.observeProxied,
    notReady: () => (redis.status === 'ready' ? [] : ['redis']),
  });
  metrics.watch({ rooms: () => rooms.all(), server: plane.server });
  lifecycle.onStop('data plane', () => plane.close());

  const control = await createControlPlane({ ...config, rooms, redis, registry, tokens, log });
  lifecycle.onStop('control plane', () => control.close());
  const giveUpPort = await ownControlPort({
    app: control,
    host: config.bindAddress,
    port: config.controlPort,
    shared: config.gateways > 1,
    log,
  });
  lifecycle.onStop('control port', giveUpPort);

  const port = await plane.server.listen(config.bindAddress, config.gatewayPort);
  lifecycle.onStop('drain', () => plane.drain(config.drainSeconds * 1_000));
  log.info({ port }, 'gateway is up');
  reportReady();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack)}\n`);
  process.exit(1);
});
