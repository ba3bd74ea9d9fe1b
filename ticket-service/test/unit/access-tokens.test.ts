import { SignJWT } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { AccessTokens } from '../../src/members/access-tokens.ts';

const secret = 'a secret of members that is long enough';
const member = { id: 'mina', role: 'member', sessionId: undefined } as const;

const sign = (change: (jwt: SignJWT) => SignJWT, key: string = secret, alg = 'HS256') =>
  change(
    new SignJWT({ role: 'member' })
      .setProtectedHeader({ alg })
      .setIssuer('ropeline-tickets')
      .setAudience('ropeline-members')
      .setSubject('mina')
      .setIssuedAt()
      .setExpirationTime('5m'),
  ).sign(Buffer.from(key));

describe('an access token', () => {
  test('names the member, the role and the session', async () => {
    const tokens = new AccessTokens(secret);
    const { token } = await tokens.issue({ id: 'mina', role: 'host', sessionId: 'session' });
    expect(await tokens.verify(token)).toEqual({ id: 'mina', role: 'host', sessionId: 'session' });
    expect(await new AccessTokens(secret).verify(token)).toEqual({
      id: 'mina',
      role: 'host',
      sessionId: 'session',
    });
  });

  test('ends after half an hour, remembered or not', async () => {
    const tokens = new AccessTokens(secret);
    const { token, expiresAt } = await tokens.issue(member);
    expect(tokens.recall(token)).toBeUndefined();
    expect(await tokens.verify(token)).toEqual(member);
    expect(tokens.recall(token)).toEqual(member);
    vi.useFakeTimers({ now: expiresAt + 1, toFake: ['Date'] });
    try {
      expect(tokens.recall(token)).toBeUndefined();
      expect(await tokens.verify(token)).toBeUndefined();
      expect(await new AccessTokens(secret).verify(token)).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });

  test('is refused when forged, foreign or incomplete', async () => {
    const tokens = new AccessTokens(secret);
    expect(await tokens.verify(await sign((jwt) => jwt))).toEqual(member);
    for (const token of [
      await sign((jwt) => jwt, 'another secret that is long enough too'),
      await sign((jwt) => jwt.setIssuer('somebody')),
      await sign((jwt) => jwt.setAudience('something')),
      await sign((jwt) => jwt.setExpirationTime('-1s')),
      await sign((jwt) => jwt, secret + secret, 'HS512'),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"mina","role":"admin"}').toString('base64url')}.`,
      '',
      'x'.repeat(5_000),
    ]) {
      expect(await tokens.verify(token)).toBeUndefined();
    }
  });

  test('remembers a bounded number of tokens, and still knows those it forgot', async () => {
    const tokens = new AccessTokens(secret, { maxRemembered: 1 });
    const issued = [await tokens.issue(member), await tokens.issue({ ...member, id: 'jisu' })];
    for (const { token } of [...issued, ...issued]) expect(await tokens.verify(token)).toBeDefined();
  });
});

test('a short secret is refused', () => {
  expect(() => new AccessTokens('short')).toThrow('32 bytes');
});
