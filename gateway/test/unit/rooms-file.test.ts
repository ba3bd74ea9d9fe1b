import { ConfigError } from '@ropeline/core/config.ts';
import { expect, test } from 'vitest';
import { compileBypass } from '../../src/data-plane/bypass.ts';
import { RoomMatcher } from '../../src/data-plane/match.ts';
import { defaultRules } from '../../src/queue/rules.ts';
import { loadRoomsFile, parseRoomsFile } from '../../src/rooms-file.ts';

const shipped = new URL('../../../rooms.yaml', import.meta.url).pathname;

function problemsOf(text: string): readonly string[] {
  try {
    parseRoomsFile(text, 'rooms.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('the shipped file makes the demo room as it is documented', () => {
  const rooms = loadRoomsFile(shipped);
  expect([...rooms.keys()]).toEqual(['demo']);
  expect(rooms.get('demo')).toEqual({
    ...defaultRules,
    admission: { ratePerMinute: 600, burst: 0, capacity: 10_000 },
    queue: { ...defaultRules.queue, method: 'fifo', alwaysOn: false, threshold: { ratePerMinute: 60 } },
    claim: { windowSeconds: 60, confirm: 'auto', lapsesAllowed: 0 },
    session: { ttlSeconds: 600, renew: true },
    presence: { graceSeconds: 60, leaseSeconds: 30 },
    bypass: [
      { methods: ['POST'], paths: ['/api/orders'], allow: false },
      { paths: ['/api/orders*', '/api/sessions/refresh', '/api/webhooks/*'], allow: true },
    ],
    stock: { follow: true },
  });
});

test('the demo room lets who has an order go on, and nobody order or log in without a turn', () => {
  const demo = loadRoomsFile(shipped).get('demo');
  const passes = compileBypass(demo?.bypass ?? []);
  const asked = (method: string, path: string): boolean =>
    passes({
      method,
      path,
      address: '192.0.2.1',
      headers: { get: () => undefined, forEach: () => undefined },
    });
  expect(asked('POST', '/api/orders')).toBe(false);
  expect(asked('POST', '/api/orders/7/pay')).toBe(true);
  expect(asked('POST', '/api/orders/7/cancel')).toBe(true);
  expect(asked('GET', '/api/orders')).toBe(true);
  expect(asked('POST', '/api/sessions/refresh')).toBe(true);
  expect(asked('POST', '/api/webhooks/payment')).toBe(true);
  expect(asked('POST', '/api/sessions')).toBe(false);
  expect(asked('GET', '/')).toBe(false);
  const matcher = new RoomMatcher([{ room: 'demo', ...demo?.match }]);
  expect(matcher.find('any.example', '/any/path')).toBe('demo');
});

test('what a room leaves out has its default', () => {
  expect(parseRoomsFile('rooms: {one: {}, two:}', 'f').get('one')).toEqual(defaultRules);
  expect(parseRoomsFile('rooms: {one: {}, two:}', 'f').get('two')).toEqual(defaultRules);
  expect(parseRoomsFile('rooms: {}', 'f').size).toBe(0);
});

test('all problems of all rooms are listed together, each with its file, room and rule', () => {
  const problems = problemsOf(`
rooms:
  Big:
    admission: {ratePerMinute: fast, capacity: -1}
  other:
    upstream: "http://[::"
    bypass: [{addresses: [banana], allow: true}]
  third:
    admision: {}
also: here
`);
  expect(problems.every((problem) => problem.startsWith('rooms.yaml: '))).toBe(true);
  for (const part of [
    'room Big: its name',
    'room Big: admission.ratePerMinute',
    'room Big: admission.capacity',
    'room other: upstream',
    'room other: bypass.0.addresses',
    'room third: rules',
    'no member also',
  ]) {
    expect(problems.filter((problem) => problem.includes(part))).toHaveLength(1);
  }
});

test.each([
  ['not YAML', 'rooms: {one: ['],
  ['the same room twice', 'rooms:\n  one: {}\n  one: {}\n'],
  ['a list of rooms', 'rooms: [one]'],
  ['nothing', ''],
  ['a room that is a number', 'rooms: {one: 5}'],
  [
    'aliases that nest',
    `a: &a [x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]
rooms: {one: {lanes: *d}}`,
  ],
])('%s is a problem that names the file', (_what, text) => {
  const problems = problemsOf(text);
  expect(problems.length).toBeGreaterThan(0);
  expect(problems[0]).toMatch(/^rooms\.yaml: /);
});

test('a file that is not there is a problem that names the setting', () => {
  expect(() => loadRoomsFile('/nowhere/rooms.yaml')).toThrow(/ROOMS_FILE: \/nowhere\/rooms\.yaml/);
});
