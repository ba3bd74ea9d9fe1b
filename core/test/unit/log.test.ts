import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const program = `
  import { createLog } from ${JSON.stringify(new URL('../../src/log.ts', import.meta.url).href)};
  const answer = new Error('OOM command not allowed');
  answer.command = { name: 'evalsha', args: ['entry-of-somebody', 'member-of-somebody'] };
  createLog('test', 'info').error({ err: answer, body: { password: 'p4ssword' } }, 'request failed');
`;

it('writes what failed, but neither passwords nor what Redis was asked', () => {
  const line = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  expect(JSON.parse(line)).toMatchObject({
    msg: 'request failed',
    err: { message: 'OOM command not allowed' },
  });
  expect(line).not.toMatch(/somebody|p4ssword/);
});
