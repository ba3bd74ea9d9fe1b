import { once } from 'node:events';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, loadSettings, type Values } from '@ropeline/core/config.ts';
import { onInterrupt } from './interrupts.ts';
import { forgetAddresses, writeAddresses } from './start/addresses.ts';
import { bringUp } from './start/bring-up.ts';
import { openDataDir, wipeDataDir } from './start/data-dir.ts';
import { Fleet } from './start/fleet.ts';
import { lockFolder } from './start/lock.ts';
import { help, readOptions } from './start/options.ts';
import { plan } from './start/plan.ts';
import { choosePorts } from './start/ports.ts';
import { Progress } from './start/progress.ts';
import { Refusal } from './start/refusal.ts';
import { loadSecrets } from './start/secrets.ts';
import { settings } from './start/settings.ts';
import { Wake } from './start/wake.ts';
import { welcome } from './start/welcome.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, '.cache');
const progress = new Progress();

// A terminal that was closed must not end us before our processes are stopped.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    explain(error);
    process.exit(1);
  },
);

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    progress.line(help);
    return 0;
  }
  const config = loadSettings(settings, process.env);
  // npm runs this in the project's folder, so a relative folder is meant from there.
  const dataDir = resolve(root, config.dataDir);
  progress.line(plan({ dataDir, cache, config, reset: options.reset }));
  openDataDir(dataDir);
  const unlock = lockFolder(dataDir);
  try {
    const ports = await choosePorts(config);
    if (options.reset) {
      wipeDataDir(dataDir);
      openDataDir(dataDir);
    }
    return await runUntilStopped(config, dataDir, ports);
  } finally {
    unlock();
  }
}

/** Brings everything up, keeps it up until it is asked to stop, and stops it in order. Returns the exit code. */
async function runUntilStopped(
  config: Values<typeof settings>,
  dataDir: string,
  ports: Awaited<ReturnType<typeof choosePorts>>,
): Promise<number> {
  const logs = join(dataDir, 'logs');
  const stop = new AbortController();
  const stopped = once(stop.signal, 'abort');
  let exitCode = 0;
  const fail = (message: string): void => {
    progress.line(message);
    exitCode = 1;
    stop.abort();
  };
  const wake = new Wake(join(logs, 'start.log'));
  const fleet = new Fleet({ say: (line) => progress.line(line), wake, onFailure: fail });
  onInterrupt(
    () => {
      progress.line('\nStopping in order (again Ctrl-C: at once) ...');
      stop.abort();
    },
    () => {
      fleet.kill();
      process.exit(130);
    },
  );
  const secrets = loadSecrets(join(dataDir, 'secrets'), process.env);
  const installation = {
    root,
    cache,
    dataDir,
    config,
    ports,
    secrets,
    progress,
    fleet,
    stopped: stop.signal,
  };
  const up = bringUp(installation).then((addresses) => {
    writeAddresses(dataDir, addresses);
    progress.line(welcome(addresses, { logs, upstream: config.upstream }));
    progress.line('ropeline ready');
  });
  up.catch((error: unknown) => {
    if (stop.signal.aborted) return;
    explain(error);
    fail('Stopping what was started.');
  });
  await stopped;
  await fleet.stop();
  forgetAddresses(dataDir);
  await wake.end();
  progress.line('Everything is stopped.');
  return exitCode;
}

function explain(error: unknown): void {
  const forPeople = error instanceof Refusal || error instanceof ConfigError;
  const text = forPeople ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
}
