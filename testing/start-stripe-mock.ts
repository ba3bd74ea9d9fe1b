import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild, stopChild } from '../scripts/services/child.ts';
import { freePort } from '../scripts/services/free-port.ts';
import type { StripeMock } from '../scripts/supply/stripe-mock.ts';
import { cleanedUp } from './scope.ts';
import { until } from './until.ts';

type Fixtures = { readonly resources: Record<string, Record<string, unknown>> };

/**
 * stripe-mock on the port, else on a free one, until the end of the test. It checks every request against Stripe's API
 * description, keeps nothing, and answers with its fixtures, changed as `changes` says (by resource).
 */
export async function startStripeMock(
  mock: Exclude<StripeMock, { missing: string }>,
  changes: Record<string, Record<string, unknown>> = {},
  port?: number,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-stripe-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const fixtures = JSON.parse(readFileSync(mock.fixtures, 'utf8')) as Fixtures;
  for (const [resource, fields] of Object.entries(changes)) {
    Object.assign(fixtures.resources[resource] ?? {}, fields);
  }
  const file = join(folder, 'fixtures.json');
  writeFileSync(file, JSON.stringify(fixtures));
  const address = `127.0.0.1:${port ?? (await freePort())}`;
  // It serves HTTPS too, on a fixed port unless told where.
  const ports = ['-http-addr', address, '-https-addr', '127.0.0.1:0'];
  const child = startChild(mock.binary, [...ports, '-fixtures', file]);
  const stop = (): Promise<void> => stopChild(child.process, 'SIGKILL');
  cleanedUp(stop, (it) => it());
  await until(async () => {
    if (child.process.exitCode !== null) throw new Error(`stripe-mock died:\n${child.tail()}`);
    return (await fetch(`http://${address}/v1/charges`)).status === 401;
  });
  return { url: `http://${address}`, stop };
}
