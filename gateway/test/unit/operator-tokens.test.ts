import { ConfigError } from '@ropeline/core/config.ts';
import { expect, test } from 'vitest';
import { parseOperatorTokens, sha256 } from '../../src/control-plane/operator-tokens.ts';

const hash = (text: string): string => sha256(text).toString('hex');

test('a token is known by its hash, with the name and the role of its entry', () => {
  const tokens = parseOperatorTokens([
    `ann:viewer:${hash('one')}`,
    ` bob@site.example:admin:${hash('two').toUpperCase()}`,
  ]);
  expect(tokens.find('one')).toEqual({ name: 'ann', role: 'viewer' });
  expect(tokens.find('two')).toEqual({ name: 'bob@site.example', role: 'admin' });
  expect(tokens.find('three')).toBeUndefined();
  expect(tokens.find(hash('one'))).toBeUndefined();
});

test('a name may have two tokens, so that they can be changed with overlap', () => {
  const tokens = parseOperatorTokens([`ann:operator:${hash('old')}`, `ann:operator:${hash('new')}`]);
  expect(tokens.find('old')).toEqual(tokens.find('new'));
});

test('a token in the clear belongs to an admin named operator', () => {
  expect(parseOperatorTokens([], 'in-the-clear').find('in-the-clear')).toEqual({
    name: 'operator',
    role: 'admin',
  });
});

test('every entry that is wrong is named, and no hash is shown', () => {
  const right = `ann:viewer:${hash('one')}`;
  const wrong = [`ann:${hash('secret')}`, `a b:viewer:${hash('x')}`, `cy:root:${hash('y')}`, 'di:viewer:abc'];
  let problems: readonly string[] = [];
  try {
    parseOperatorTokens([right, ...wrong]);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems = error.problems;
  }
  expect(problems).toHaveLength(4);
  expect(problems.map((problem) => /entry (\d)/.exec(problem)?.[1])).toEqual(['2', '3', '4', '5']);
  expect(problems.join()).not.toContain(hash('secret'));
});

test('a token in the clear that no header could carry is refused', () => {
  expect(() => parseOperatorTokens([], 'in the clear')).toThrow(
    /OPERATOR_TOKEN must not contain white space/,
  );
});
