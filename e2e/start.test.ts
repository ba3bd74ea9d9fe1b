import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startPostgres } from '../scripts/services/postgres-server.ts';
import { startRedis } from '../scripts/services/redis-server.ts';
import { cleanedUp } from '../testing/scope.ts';
import { until } from '../testing/until.ts';
import { processesOf } from './support/processes-of.ts';
import { launchRopeline, type Ropeline, type StartOptions, startRopeline } from './support/start-ropeline.ts';

const services = ['gateway', 'ticket-service', 'workers', 'payment-simulator'] as const;

describe('a start', () => {
  test('brings everything up, a second one finds what the first left, Ctrl-C ends all', async () => {
    // A blank in the path, as people's home folders have them.
    const dataDir = newFolder('data folder');
    const first = await started({ dataDir });
    for (const { url, path } of probes(first)) {
      expect((await fetch(url + path)).status, url).toBe(200);
    }
    await setRate(first, 777);
    await stopsInOrder(first);

    const second = await started({ dataDir });
    expect(second.operatorToken).toBe(first.operatorToken);
    expect(await readRate(second)).toBe(777);
    expect(second.output()).toContain('Pages: unchanged');
    await stopsInOrder(second);
  });

  test('that is killed leaves nothing running, and one with --reset begins anew', async () => {
    const dataDir = newFolder('killed');
    const first = await started({ dataDir });
    await setRate(first, 777);
    expect(processesOf(dataDir).length).toBeGreaterThanOrEqual(services.length + 3);
    first.process.kill('SIGKILL');
    await until(() => processesOf(dataDir).length === 0);

    const second = await started({ dataDir, args: ['--reset'] });
    expect(second.operatorToken).not.toBe(first.operatorToken);
    expect(await readRate(second)).toBe(600);
  });

  test('uses the Redis and Postgres that the environment names', async () => {
    const folder = newFolder('given');
    const queue = cleanedUp(await startRedis({ folder: join(folder, 'q') }), (one) => one.stop());
    const stock = cleanedUp(await startRedis({ folder: join(folder, 's'), appendfsync: 'always' }), (one) =>
      one.stop(),
    );
    const postgres = cleanedUp(await startPostgres({ folder }), (one) => one.stop());
    const env = { REDIS_URL: queue.url, TICKET_REDIS_URL: stock.url, DATABASE_URL: postgres.url };
    const ropeline = await started({ env });
    expect(ropeline.addresses).toMatchObject({
      redis: queue.url,
      ticketRedis: stock.url,
      database: postgres.url,
    });
    expect(existsSync(join(ropeline.dataDir, 'postgres'))).toBe(false);
    const commands = processesOf(ropeline.dataDir).map(({ command }) => command);
    expect(commands.filter((command) => /redis-server|postgres/.test(command))).toEqual([]);
  });
});

describe('a start is refused before anything runs', () => {
  test('when a port is in use: who holds it and which setting moves it', async () => {
    const server = cleanedUp(createServer().listen(0, '127.0.0.1'), (one) => one.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, output, dataDir } = await refused({ env: { TICKET_PORT: String(port) } });
    expect(code).toBe(1);
    expect(output).toContain(`Port ${port} is in use by process ${process.pid}`);
    expect(output).toContain('TICKET_PORT=');
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
  });

  test('when the folder is somebody else’s, also with --reset', async () => {
    const dataDir = newFolder('foreign');
    writeFileSync(join(dataDir, 'letter.txt'), 'dear');
    const { code, output } = await refused({ dataDir, args: ['--reset'] });
    expect(code).toBe(1);
    expect(output).toContain('was not made by Ropeline');
    expect(existsSync(join(dataDir, 'letter.txt'))).toBe(true);
  });

  test('when a given service does not answer', async () => {
    const { code, output } = await refused({ env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' } });
    expect(code).toBe(1);
    expect(output).toContain('DATABASE_URL is set, but Postgres does not answer there');
  });
});

describe('a running installation', () => {
  let ropeline: Ropeline;
  beforeAll(async () => {
    ropeline = await startRopeline();
    return () => ropeline.remove();
  });

  test('has printed every address, what to try first with the token filled in, and `ropeline ready` last', () => {
    const output = ropeline.output();
    for (const url of Object.values(ropeline.addresses)) expect(output).toContain(url);
    const rate = output.split('\n').find((line) => line.includes('ratePerMinute')) ?? '';
    expect(rate).toContain(`Bearer ${ropeline.operatorToken}`);
    expect(output).toContain('npm run crowd -- 500');
    expect(output).toContain('UPSTREAM=http://localhost:3000 npm start');
    expect(output.trimEnd().split('\n').at(-1)).toBe('ropeline ready');
  });

  test('refuses a second one on its folder and goes on', async () => {
    const { code, output } = await refused({ dataDir: ropeline.dataDir });
    expect(code).toBe(1);
    expect(output).toContain(`already running on ${ropeline.dataDir} (process ${ropeline.process.pid})`);
    expect((await fetch(`${ropeline.addresses.gateway}/_ropeline/health/live`)).status).toBe(200);
  });

  test('starts again what dies, with a line on the terminal: each service, and the data stores under it', async () => {
    for (const name of services) {
      process.kill(pidOf(ropeline, `${name}/src/main.ts`), 'SIGKILL');
      await until(() => ropeline.output().includes(`${name} is back`));
    }
    killDataStores(ropeline);
    for (const name of ['queue-redis', 'stock-redis', 'postgres']) {
      await until(() => ropeline.output().includes(`${name} is back`));
    }
    for (const { url, path } of probes(ropeline)) {
      await until(async () => (await fetch(url + path)).status === 200);
    }
  });

  test('ends with exit code 1 when a service dies five times within a minute', async () => {
    const program = 'payment-simulator/src/main.ts';
    const killed = new Set<number>();
    const ended = (): boolean => ropeline.process.exitCode !== null;
    await until(() => {
      const pid = findPid(ropeline, program);
      if (pid !== undefined && !killed.has(pid)) process.kill(pid, 'SIGKILL');
      if (pid !== undefined) killed.add(pid);
      return ended();
    }, 180_000);
    expect(ropeline.process.exitCode).toBe(1);
    expect(ropeline.output()).toContain('payment-simulator died five times within a minute');
    expect(processesOf(ropeline.dataDir)).toEqual([]);
  });
});

async function started(options: StartOptions = {}): Promise<Ropeline> {
  return cleanedUp(await startRopeline(options), (one) => one.remove());
}

async function refused(options: StartOptions) {
  const launched = cleanedUp(launchRopeline(options), (one) => one.remove());
  await until(() => launched.process.exitCode !== null);
  return { code: launched.process.exitCode, output: launched.output(), dataDir: launched.dataDir };
}

function newFolder(name: string): string {
  const parent = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-start-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  return mkdtempSync(join(parent, `${name} `));
}

async function stopsInOrder(ropeline: Ropeline): Promise<void> {
  expect(await ropeline.stop()).toBe(0);
  expect(processesOf(ropeline.dataDir)).toEqual([]);
}

function probes({ addresses }: Ropeline): { url: string; path: string }[] {
  return [
    { url: addresses.gateway, path: '/_ropeline/health/ready' },
    { url: addresses.control, path: '/health/ready' },
    { url: addresses.ticket, path: '/health/ready' },
    { url: addresses.workers, path: '/health/ready' },
    { url: addresses.payment, path: '/health/ready' },
  ];
}

async function setRate(ropeline: Ropeline, ratePerMinute: number): Promise<void> {
  const answer = await callRoom(ropeline, 'PATCH', { admission: { ratePerMinute } });
  expect(answer.status).toBe(200);
}

async function readRate(ropeline: Ropeline): Promise<unknown> {
  const answer = await fetch(`${ropeline.addresses.gateway}/_ropeline/rooms/demo`);
  return ((await answer.json()) as { ratePerMinute: number }).ratePerMinute;
}

function callRoom({ addresses, operatorToken }: Ropeline, method: string, body: object): Promise<Response> {
  return fetch(`${addresses.control}/api/rooms/demo`, {
    method,
    headers: { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

function findPid(ropeline: Ropeline, program: string): number | undefined {
  return processesOf(ropeline.dataDir).find(({ command }) => command.includes(program))?.pid;
}

function pidOf(ropeline: Ropeline, program: string): number {
  const pid = findPid(ropeline, program);
  if (pid === undefined) throw new Error(`${program} does not run`);
  return pid;
}

function killDataStores(ropeline: Ropeline): void {
  for (const url of [ropeline.addresses.redis, ropeline.addresses.ticketRedis]) {
    process.kill(pidOf(ropeline, `redis-server 127.0.0.1:${new URL(url).port}`), 'SIGKILL');
  }
  process.kill(pidOf(ropeline, `bin/postgres -D ${ropeline.dataDir}`), 'SIGKILL');
}
