import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Addresses, readAddresses } from '../../scripts/start/addresses.ts';
import { until } from '../../testing/until.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A running `npm start` (without npm) with state and ports of its own. */
export type Ropeline = {
  readonly addresses: Addresses;
  readonly operatorToken: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** Everything that it has printed so far. */
  readonly output: () => string;
  /** As Ctrl-C; resolves to its exit code. The data folder stays until `remove`. */
  readonly stop: () => Promise<number | null>;
  /** Kills what still runs and deletes a data folder that was made for it. */
  readonly remove: () => Promise<void>;
};

export type StartOptions = {
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  /** An existing one, for a second start; none = a new one. */
  readonly dataDir?: string;
};

/** Every port any free one, so that several installations and a user's own can run at once. */
const freePorts = {
  GATEWAY_PORT: '0',
  CONTROL_PORT: '0',
  TICKET_PORT: '0',
  PAYMENT_PORT: '0',
  WORKERS_PORT: '0',
};

/** Starts a whole Ropeline and resolves when it has printed `ropeline ready`. Throws with its output otherwise. */
export async function startRopeline(options: StartOptions = {}): Promise<Ropeline> {
  const launched = launchRopeline(options);
  const { process: child, output, dataDir } = launched;
  try {
    await until(() => {
      if (child.exitCode !== null || child.signalCode !== null) return true;
      return output().trimEnd().endsWith('ropeline ready');
    }, 180_000);
    const addresses = readAddresses(dataDir);
    if (addresses === undefined || child.exitCode !== null) throw new Error('it has ended');
    return { ...launched, addresses, operatorToken: addresses.operatorToken ?? '' };
  } catch (cause) {
    const words = output();
    await launched.remove();
    throw new Error(`Ropeline did not start:\n${words}`, { cause });
  }
}

/** Starts it without waiting for anything. */
export function launchRopeline(options: StartOptions = {}): Omit<Ropeline, 'addresses' | 'operatorToken'> {
  const dataDir = options.dataDir ?? join(mkdtempSync(join(tmpdir(), 'ropeline-e2e-')), 'data');
  const child = spawn(process.execPath, [join(root, 'scripts/start.ts'), ...(options.args ?? [])], {
    cwd: root,
    env: { ...process.env, ...freePorts, ...options.env, DATA_DIR: dataDir },
    // It ends when we do, even killed: its channel closes. Ctrl-C is ours to pass on: it has a group of its own.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += String(chunk)));
  const gone = once(child, 'exit') as Promise<[number | null]>;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    const [code] = await gone;
    return code;
  };
  return {
    dataDir,
    process: child,
    output: () => text,
    stop: () => end('SIGINT'),
    async remove() {
      await end('SIGTERM');
      if (options.dataDir === undefined) rmSync(dirname(dataDir), { recursive: true, force: true });
    },
  };
}
