import { describe, expect, test } from 'vitest';
import { loadSettings } from '../../src/config.ts';
import { parseRedisAddress, withoutCredentials } from '../../src/redis/address.ts';
import { redisAddress } from '../../src/settings.ts';

describe('an address of Redis', () => {
  test('is one server, with or without user, port, database and TLS', () => {
    for (const text of ['redis://localhost', 'rediss://u:p@10.0.0.1:6380/2', 'redis://[::1]:6379']) {
      expect(parseRedisAddress(text)).toMatchObject({ kind: 'server', url: text });
    }
  });

  test('is a master that sentinels know by its name, with passwords of its own and of theirs', () => {
    const text = 'rediss+sentinel://app:p%40ss@s1:1111,[::1],s3/queue/3?sentinelUser=w&sentinelPassword=s%26';
    expect(parseRedisAddress(text)).toEqual({
      kind: 'sentinel',
      nodes: [
        { host: 's1', port: 1111 },
        { host: '::1', port: 26_379 },
        { host: 's3', port: 26_379 },
      ],
      name: 'queue',
      db: 3,
      username: 'app',
      password: 'p@ss',
      sentinelUsername: 'w',
      sentinelPassword: 's&',
      tls: true,
    });
  });

  test('is a cluster by some of its nodes', () => {
    expect(parseRedisAddress('redis+cluster://:secret@a:7000,b')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 7_000 },
        { host: 'b', port: 6_379 },
      ],
      username: undefined,
      password: 'secret',
      tls: false,
    });
    expect(parseRedisAddress('rediss+cluster://app:s%2Fcret@[::1]:7000,b.example')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: '::1', port: 7_000 },
        { host: 'b.example', port: 6_379 },
      ],
      username: 'app',
      password: 's/cret',
      tls: true,
    });
  });

  test('names the certificate of a private authority for TLS, which is no option of the server', () => {
    const server = parseRedisAddress('rediss://:p%40@a:1/2?family=6&ca=%2Fetc%2Fca%20file.pem');
    expect(server).toMatchObject({ url: 'rediss://:p%40@a:1/2?family=6', tls: true, ca: '/etc/ca file.pem' });
    const sentinel = parseRedisAddress('rediss+sentinel://s1/queue?sentinelPassword=x&ca=/ca.pem');
    expect(sentinel).toMatchObject({ sentinelPassword: 'x', tls: true, ca: '/ca.pem' });
    expect(parseRedisAddress('rediss+cluster://a?ca=/ca.pem')).toMatchObject({ ca: '/ca.pem' });
  });

  test('that is none of these says what is wrong and shows no part of itself', () => {
    const wrong: Record<string, string> = {
      'http://:hidden@a': 'must be one of redis://',
      'redis+sentinel://:hidden@a,b': 'lacks the name of the master',
      'redis://:hidden@a?ca=/hidden.pem': 'has a ca without TLS',
      'redis+sentinel://:hidden@a/queue/1/2': 'ends in more than',
      'redis+sentinel://:hidden@a/queue/x': 'database that is no number',
      'redis+cluster://:hidden@a/1': 'a cluster has no database numbers',
      'redis://:hidden@a,b': 'several hosts need',
      'redis://:hidden@a:99999': 'a host that is not host[:port]',
      'redis+cluster://:hidden@a,,b': 'a host that is not host[:port]',
      'redis+cluster://:hidden%@a': 'write % itself as %25',
      'redis://:hid@den@a': 'must be one of',
    };
    for (const [text, message] of Object.entries(wrong)) {
      expect(() => parseRedisAddress(text), text).toThrow(message);
      expect(() => parseRedisAddress(text), text).not.toThrow('hid');
    }
  });

  test('is shown without user, password and what follows it', () => {
    expect(withoutCredentials('redis+sentinel://u:p@a,b/queue?sentinelPassword=p')).toBe(
      'redis+sentinel://a,b/queue',
    );
    expect(withoutCredentials('redis://127.0.0.1:6379')).toBe('redis://127.0.0.1:6379');
  });

  test('as a setting may be of the forms that the process can use, and is never shown', () => {
    const settings = { redis: redisAddress('REDIS', 'Redis of the test', ['server', 'sentinel']) };
    expect(loadSettings(settings, { REDIS: 'redis+sentinel://a/m' }).redis).toBe('redis+sentinel://a/m');
    expect(() => loadSettings(settings, { REDIS: 'redis+cluster://:hidden@a' })).toThrow(
      "REDIS: its value cannot be a cluster's address here (Redis of the test)",
    );
    expect(() => loadSettings(settings, { REDIS: 'redis+sentinel://:hidden@a' })).not.toThrow('hidden');
    expect(() => loadSettings(settings, { REDIS: 'rediss://a?ca=/nowhere/hidden.pem' })).toThrow(
      'REDIS: its value names a ca that cannot be read',
    );
  });
});
