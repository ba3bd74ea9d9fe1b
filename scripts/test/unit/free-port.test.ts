import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { freePort } from '../../services/free-port.ts';

/** So many of twelve thousand that two processes which know nothing of each other would meet. */
const count = 300;
const module = fileURLToPath(new URL('../../services/free-port.ts', import.meta.url));
const program = `
  const { freePort } = await import(${JSON.stringify(module)});
  const ports = await Promise.all(Array.from({ length: ${count} }, freePort));
  process.stdout.write(ports.join());
  process.stdin.resume();
`;

test('a port is given to one process only, also while nothing listens on it', async () => {
  const others = [0, 1].map(() =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]),
  );
  const printed = others.map(async ({ child }) => {
    for await (const chunk of child.stdout ?? []) return String(chunk).split(',').map(Number);
    throw new Error('nothing was printed');
  });
  const own = await Promise.all(Array.from({ length: count }, freePort));
  const all = [own, ...(await Promise.all(printed))];
  for (const { child } of others) child.stdin?.end();
  await Promise.all(others);
  expect(all.map(({ length }) => length)).toEqual([count, count, count]);
  expect(new Set(all.flat()).size).toBe(3 * count);
});
