import { ConfigError } from '@ropeline/core/config.ts';
import { Lifecycle, reportReady } from '@ropeline/core/lifecycle.ts';
import { createLog } from '@ropeline/core/log.ts';
import { createRegistry } from '@ropeline/core/metrics.ts';
import { connectRedisForWaiting, connectRedisOrCluster } from '@ropeline/core/redis/connect.ts';
import { EntryVerifier } from '@ropeline/core/token/entry-token.ts';
import { createDataPlane } from './app.ts';
import { readConfiguration } from './configuration.ts';
import { createControlPlane } from './control-plane/app.ts';
import { ownControlPort } from './control-port.ts';
import { loadQueueAssets } from './data-plane/page/assets.ts';
import { KeyWatch } from './key-watch.ts';
import { createMetrics } from './metrics.ts';
import { shareMetrics } from './process-metrics.ts';
import { RedisQueueEngine } from './queue/redis-engine.ts';
import { Rooms } from './queue/rooms.ts';
import { createMissingRooms } from './rooms-file.ts';

async function main(): Promise<void> {
  const configuration = await readConfiguration(process.env);
  const { config, operators, roomsFile, signer, placeSecrets, tickets } = configuration;
  if (process.argv.includes('--check-config')) {
    process.stdout.write(`The configuration is right; ${config.roomsFile} has ${roomsFile.size} room(s).\n`);
    return;
  }

  const log = createLog('gateway', config.logLevel);
  const lifecycle = new Lifecycle(log, (config.drainSeconds + 5) * 1_000);
  lifecycle.listen();
  const registry = createRegistry();
  const metrics = createMetrics(registry);

  const redis = connectRedisOrCluster(config.redisUrl, { name: 'gateway', log });
  lifecycle.onStop('redis', () => redis.disconnect());
  const subscriber = connectRedisForWaiting(config.redisUrl, { name: 'gateway-subscriber', log });
  lifecycle.onStop('redis subscriber', () => subscriber.disconnect());
  const engine = new RedisQueueEngine(redis, metrics.observeScript, metrics.observeJoinBatch);
  const rooms = new Rooms({ engine, redis, subscriber, log, metricsOf: metrics.ofRoom });
  await rooms.start();
  await createMissingRooms(rooms, roomsFile);

  const verifier = new EntryVerifier(config.entryIssuer);
  const { entryKeysFile } = config;
  const keyWatch = new KeyWatch({ entryKeysFile, placeSecrets, signer, verifier, tickets, log });
  lifecycle.onStop('key watch', () => keyWatch.stop());
  const assets = loadQueueAssets();
  if (assets.missing !== undefined) log.warn(assets.missing);
  const plane = createDataPlane({
    ...config,
    rooms,
    tickets,
    signer,
    verifier,
    issuer: config.entryIssuer,
    assets,
    log,
    onProxied: metrics.observeProxied,
    notReady: () => (rooms.link.isAway ? ['redis'] : []),
  });
  metrics.watch({ rooms: () => rooms.all(), server: plane.server });
  lifecycle.onStop('data plane', () => plane.close());

  const shared = await shareMetrics({ ...config, registry, log });
  lifecycle.onStop('shared metrics', () => shared.close());
  const control = await createControlPlane({
    ...config,
    rooms,
    redis,
    registry: shared.source,
    tokens: operators,
    log,
  });
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
