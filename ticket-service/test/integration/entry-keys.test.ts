import { randomUUID } from 'node:crypto';
import { createLog } from '@ropeline/core/log.ts';
import { describe, expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { EntryKeys } from '../../src/entries/entry-keys.ts';
import { entryToken, newSigner } from '../support/entry-tokens.ts';
import { type OtherSide, startOtherSide } from '../support/other-side.ts';

async function gatewayWith(jwks: unknown): Promise<OtherSide> {
  return cleanedUp(await startOtherSide(jwks), (side) => side.stop());
}

function keysOf(gateway: OtherSide, minRefreshGapMs?: number): EntryKeys {
  const url = `${gateway.url}/_ropeline/jwks.json`;
  const log = createLog('test', 'silent');
  const options = minRefreshGapMs === undefined ? {} : { minRefreshGapMs };
  return cleanedUp(new EntryKeys({ url, issuer: 'ropeline', log, ...options }), (keys) => keys.stop());
}

describe('the keys of entry tokens', () => {
  test('check tokens while the gateway is away', async () => {
    const signer = await newSigner();
    const gateway = await gatewayWith(signer.jwks);
    const keys = keysOf(gateway);
    keys.start();
    await until(() => keys.ready);
    await gateway.stop();
    expect(await keys.verify(await entryToken(signer))).toMatchObject({ aud: 'demo' });
    expect(await keys.verify(await entryToken(await newSigner()))).toBeUndefined();
  });

  test('are fetched as soon as a gateway that came late is there; until then nobody is called a forger', async () => {
    const signer = await newSigner();
    const gateway = await gatewayWith(signer.jwks);
    await gateway.stop();
    const keys = keysOf(gateway);
    keys.start();
    const token = await entryToken(signer);
    await expect(keys.verify(token)).rejects.toMatchObject({ code: 'unavailable', temporary: true });
    await gateway.start();
    await until(() => keys.ready);
    expect(await keys.verify(token)).toBeDefined();
  });

  test('are fetched again for a key that is not known, but not for every forged token', async () => {
    const [first, second] = [await newSigner(), await newSigner()];
    const gateway = await gatewayWith(first.jwks);
    const keys = keysOf(gateway, 100);
    keys.start();
    await until(() => keys.ready);
    gateway.answer.json = { keys: [...second.jwks.keys, ...first.jwks.keys] };
    await until(async () => (await keys.verify(await entryToken(second))) !== undefined);
    expect(await keys.verify(await entryToken(first))).toBeDefined();
    keys.stop();

    const calm = keysOf(gateway, 3_600_000);
    calm.start();
    await until(() => calm.ready);
    const before = gateway.seen.length;
    const forged = await entryToken(await newSigner());
    await Promise.all(Array.from({ length: 50 }, () => calm.verify(forged)));
    expect(gateway.seen.length).toBe(before);
  });

  test('are not asked for when a token is forged in the name of a key that is known', async () => {
    const kid = randomUUID();
    const signer = await newSigner(kid);
    const gateway = await gatewayWith(signer.jwks);
    const keys = keysOf(gateway, 0);
    keys.start();
    await until(() => keys.ready);
    const before = gateway.seen.length;
    expect(await keys.verify(await entryToken(await newSigner(kid)))).toBeUndefined();
    expect(gateway.seen.length).toBe(before);
    expect(await keys.verify(await entryToken(signer))).toBeDefined();
  });

  test('stay when the gateway answers nonsense', async () => {
    const signer = await newSigner();
    const gateway = await gatewayWith(signer.jwks);
    const keys = keysOf(gateway, 0);
    keys.start();
    await until(() => keys.ready);
    gateway.answer = { status: 200, json: { not: 'keys' } };
    expect(await keys.verify(await entryToken(await newSigner()))).toBeUndefined();
    expect(await keys.verify(await entryToken(signer))).toBeDefined();
    expect(gateway.seen.length).toBeGreaterThan(1);
  });
});
