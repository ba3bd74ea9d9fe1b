import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../scripts/services/free-port.ts';
import { formatEntryKeys, newEntryKey, newSecret } from '../../../scripts/start/secrets.ts';
import { type Probed, startProbed } from './probed.ts';

export type BenchGateway = Probed & {
  readonly origin: string;
  /** Merges rules into those of a room, as an operator does. */
  changeRoom(room: string, rules: unknown): Promise<void>;
};

export type BenchGateways = {
  readonly all: readonly BenchGateway[];
  stop(): Promise<void>;
};

const main = fileURLToPath(new URL('../../../gateway/src/main.ts', import.meta.url));
const operatorToken = 'bench-operator';

/** So many gateway processes on one Redis, with rooms as a rooms file writes them; each has ports of its own. */
export async function startGateways(options: {
  readonly redisUrl: string;
  readonly rooms: Readonly<Record<string, unknown>>;
  readonly count?: number;
  readonly core?: number;
}): Promise<BenchGateways> {
  const folder = mkdtempSync(join(tmpdir(), 'ropeline-bench-'));
  const files = { keys: join(folder, 'entry-keys.json'), rooms: join(folder, 'rooms.yaml') };
  writeFileSync(files.keys, formatEntryKeys([newEntryKey()]));
  writeFileSync(files.rooms, JSON.stringify({ rooms: options.rooms }));
  const secret = newSecret();
  const all: BenchGateway[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(all.map((gateway) => gateway.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (let at = 0; at < (options.count ?? 1); at += 1) {
      const [port, control] = [await freePort(), await freePort()];
      const env = {
        REDIS_URL: options.redisUrl,
        GATEWAY_PORT: String(port),
        CONTROL_PORT: String(control),
        ENTRY_KEYS: files.keys,
        PLACE_SECRET: secret,
        ROOMS_FILE: files.rooms,
        OPERATOR_TOKEN: operatorToken,
        BIND_ADDRESS: '127.0.0.1',
        LOG_LEVEL: 'error',
        DRAIN_SECONDS: '0',
      };
      const gateway = startProbed(main, [], env, options.core);
      all.push({ ...gateway, origin: `http://127.0.0.1:${port}`, changeRoom: changerOf(control) });
      await gateway.message((said) => (said === 'ready' ? true : undefined));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { all, stop };
}

function changerOf(port: number): BenchGateway['changeRoom'] {
  return async (room, rules) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/rooms/${room}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(rules),
    });
    if (!answer.ok)
      throw new Error(`the rules of ${room} were refused: ${answer.status} ${await answer.text()}`);
  };
}
