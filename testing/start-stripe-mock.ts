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
 * stripe-mock on a free port until the end of the test; its address. It checks every request against Stripe's API
 * description, keeps nothing, and answers with its fixtures, changed as `changes` says (by resource).
 */
export async function startStripeMock(
  mock: Exclude<StripeMock, { missing: string }>,
  changes: Record<string, Record<string, unknown>> = {},
): Promise<string> {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-stripe-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const fixtures = JSON.parse(readFileSync(mock.fixtures, 'utf8')) as Fixtures;
  for (const [resource, fields] of Object.entries(changes)) {
    Object.assign(fixtures.resources[resource] ?? {}, fields);
  }
  const file = join(folder, 'fixtures.json');
  writeFileSync(file, JSON.stringify(fixtures));
  const address = `127.0.0.1:${await freePort()}`;
  const child = startChild(mock.binary, ['-http-addr', address, '-fixtures', file]);
  cleanedUp(child.process, (it) => stopChild(it, 'SIGKILL'));
  await until(async () => {
    if (child.process.exitCode !== null) throw new Error(`stripe-mock died:\n${child.tail()}`);
    return (await fetch(`http://${address}/v1/charges`)).status === 401;
  });
  return `http://${address}`;
}
