import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { Fleet, stopDeadlinesMs } from '../../start/fleet.ts';
import { identify } from '../../start/process-identity.ts';
import { ranks } from '../../start/service-programs.ts';
import { Wake } from '../../start/wake.ts';
import { fixture, journal, testProgram } from './programs.ts';

let folder: string;
const lines: string[] = [];

beforeEach(() => {
  lines.length = 0;
  folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-fleet-')), (path) =>
    rmSync(path, { recursive: true }),
  );
});

function newFleet(onFailure: (message: string) => void = () => undefined): Fleet {
  const wake = cleanedUp(new Wake(join(folder, 'wake.log')), (one) => one.end());
  return cleanedUp(new Fleet({ say: (line) => lines.push(line), wake, onFailure }), (fleet) => fleet.stop());
}

const events = (what: string): number[] =>
  journal(folder)
    .filter((entry) => entry.what === what)
    .map((entry) => entry.pid);

describe('a supervised program', () => {
  test('that is killed is started again and the terminal says so', async () => {
    const fleet = newFleet();
    await fleet.start(testProgram(folder, 'one'), ranks.gateway);
    process.kill(events('started')[0] as number, 'SIGKILL');
    await until(() => lines.some((line) => line.includes('one is back')));
    expect(lines.filter((line) => line.includes('one died (SIGKILL)'))).toHaveLength(1);
    expect(events('started')).toHaveLength(2);
  });

  test('that dies five times in a minute ends the start and is named with its last words', async () => {
    const failure = Promise.withResolvers<string>();
    const fleet = newFleet(failure.resolve);
    await expect(fleet.start(testProgram(folder, 'frail', 'dies'), ranks.gateway)).rejects.toThrow(
      'died 5 times',
    );
    expect(await failure.promise).toContain('frail died five times within a minute (exit code 3)');
    expect(events('started')).toHaveLength(5);
    expect(lines.filter((line) => line.includes('frail died'))).toHaveLength(4);
  });

  test('whose command does not exist counts as dead, too', async () => {
    const failure = Promise.withResolvers<string>();
    const fleet = newFleet(failure.resolve);
    const program = { ...testProgram(folder, 'absent'), command: join(folder, 'no such program') };
    await expect(fleet.start(program, ranks.gateway)).rejects.toThrow('absent');
    expect(await failure.promise).toContain('ENOENT');
  });
});

describe('stopping', () => {
  test('goes by rank, each after the one before it', async () => {
    const fleet = newFleet();
    await fleet.start(testProgram(folder, 'data'), ranks.data);
    await Promise.all([
      fleet.start(testProgram(folder, 'workers'), ranks.workers),
      fleet.start(testProgram(folder, 'gateway'), ranks.gateway),
    ]);
    await fleet.stop();
    const stopped = journal(folder).filter((entry) => entry.what === 'SIGTERM');
    expect(stopped.map((entry) => entry.name)).toEqual(['gateway', 'workers', 'data']);
  });

  test('kills what hangs and still ends within 8 s', async () => {
    const fleet = newFleet();
    await fleet.start(testProgram(folder, 'data'), ranks.data);
    await fleet.start(testProgram(folder, 'stubborn', 'hangs'), ranks.gateway);
    await fleet.stop();
    // No rank is waited for any longer, whatever the others have left it.
    expect(Math.max(...stopDeadlinesMs)).toBeLessThan(8_000);
    expect(events('started').filter((pid) => identify(pid) !== undefined)).toEqual([]);
    expect(journal(folder).at(-1)).toMatchObject({ name: 'data', what: 'SIGTERM' });
  });

  test('does not start again what was resting after a death', async () => {
    const fleet = newFleet();
    const start = fleet.start(testProgram(folder, 'frail', 'dies'), ranks.gateway).catch(() => undefined);
    await until(() => events('started').length >= 2);
    await fleet.stop();
    await start;
    const before = events('started').length;
    await expect(fleet.start(testProgram(folder, 'late'), ranks.gateway)).rejects.toThrow();
    expect(events('started')).toHaveLength(before);
  });
});

test('a parent that is killed leaves nothing running, not even what has no channel', async () => {
  const parent = cleanedUp(
    spawn(process.execPath, [fixture('parent'), folder], { stdio: ['ignore', 'pipe', 'inherit'] }),
    (child: ChildProcess) => child.kill('SIGKILL'),
  );
  await once(parent.stdout as NonNullable<typeof parent.stdout>, 'data');
  const children = descendants(parent.pid as number);
  // The service, `sleep` and the process that clears up.
  expect(children).toHaveLength(3);
  parent.kill('SIGKILL');
  await until(() => children.every((pid) => identify(pid) === undefined));
  expect(events('disconnect').length + events('SIGTERM').length).toBeGreaterThan(0);
});

function descendants(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}
