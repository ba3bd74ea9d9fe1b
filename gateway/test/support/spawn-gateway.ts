import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild, stopChild } from '../../../scripts/services/child.ts';
import { freePort } from '../../../scripts/services/free-port.ts';
import { formatEntryKeys, newEntryKey, newSecret } from '../../../scripts/start/secrets.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { type SpawnedService, spawnService } from '../../../testing/spawn-service.ts';
import { until } from '../../../testing/until.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export type KeyFiles = {
  readonly folder: string;
  readonly entryKeys: string;
  readonly placeSecrets: string;
  readonly env: Record<string, string>;
};

/** A folder with one entry key and one place secret, gone at the end of the test. */
export function makeKeyFiles(): KeyFiles {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-keys-')), (path) =>
    rmSync(path, { recursive: true }),
  );
  const entryKeys = join(folder, 'entry-keys.json');
  const placeSecrets = join(folder, 'place-secret');
  writeFileSync(entryKeys, formatEntryKeys([newEntryKey()]));
  writeFileSync(placeSecrets, newSecret());
  return {
    folder,
    entryKeys,
    placeSecrets,
    env: { ENTRY_KEYS: entryKeys, PLACE_SECRET_FILE: placeSecrets },
  };
}

export type SpawnedGateway = SpawnedService & { readonly origin: string };

/** A gateway as a process of its own; `rooms` is the text of its rooms file. Killed at the end of the test. */
export async function spawnGateway(
  files: KeyFiles,
  rooms: string,
  env: Record<string, string>,
): Promise<SpawnedGateway> {
  const roomsFile = join(files.folder, 'rooms.yaml');
  writeFileSync(roomsFile, rooms);
  const port = await freePort();
  const service = await spawnService('gateway/src/main.ts', 'CONTROL_PORT', {
    GATEWAY_PORT: String(port),
    ROOMS_FILE: roomsFile,
    ...files.env,
    ...env,
  });
  return { ...service, origin: `http://127.0.0.1:${port}` };
}

/**
 * Another process beside one that was started with `GATEWAYS`, of the same rooms: it has a port of its own, and waits
 * for the control port. Killed at the end of the test.
 */
export async function spawnGatewayBeside(
  { url }: SpawnedGateway,
  files: KeyFiles,
  env: Record<string, string>,
): Promise<Pick<SpawnedGateway, 'origin' | 'kill'>> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const child = startChild(process.execPath, [main], {
    env: {
      LOG_LEVEL: 'warn',
      ...files.env,
      ...env,
      ROOMS_FILE: join(files.folder, 'rooms.yaml'),
      CONTROL_PORT: new URL(url).port,
      GATEWAY_PORT: String(port),
      GATEWAY_NUMBER: '2',
    },
  });
  const kill = cleanedUp(
    () => stopChild(child.process, 'SIGKILL'),
    (end) => end(),
  );
  await until(async () => (await fetch(`${origin}/_ropeline/health/ready`)).ok);
  return { origin, kill };
}
