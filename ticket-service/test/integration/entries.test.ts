import { randomUUID } from 'node:crypto';
import type { EntrySigner } from '@ropeline/core/token/entry-token.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import { entryToken, newSigner } from '../support/entry-tokens.ts';
import { bearer, call, logIn } from '../support/http.ts';
import { type OtherSide, startOtherSide } from '../support/other-side.ts';
import { type RunningService, startService } from '../support/start-service.ts';

let running: RunningService;
let gateway: OtherSide;
let signer: EntrySigner;
beforeAll(async () => {
  signer = await newSigner();
  gateway = await startOtherSide(signer.jwks);
  running = await startService({
    env: {
      ENTRY_REQUIRED: 'true',
      ENTRY_JWKS_URL: `${gateway.url}/_ropeline/jwks.json`,
      SOURCE_ROUTES: 'true',
    },
  });
  await until(async () => (await call(running, '/health/ready')).status === 200);
});
afterAll(async () => {
  await running.stop();
  await gateway.stop();
});

const order = (token: string, headers: Record<string, string>, quantity = 1) =>
  call(running, '/api/orders', {
    json: { offerId: 1, quantity },
    headers: { ...bearer(token), 'idempotency-key': randomUUID(), ...headers },
  });
const held = async () => (await call(running, '/api/offers/1/stock')).body['held'];

describe('an order needs an entry', () => {
  test('of its room, by header or cookie', async () => {
    const token = await logIn(running, 'testuser1');
    const entry = await entryToken(signer);
    expect((await order(token, { 'x-ropeline-entry': entry })).status).toBe(201);
    expect(
      (await order(token, { cookie: `a=b; ropeline_entry_other=x; ropeline_entry_demo=${entry}` })).status,
    ).toBe(201);
  });

  test('that is valid; nothing is held otherwise', async () => {
    const token = await logIn(running, 'testuser2');
    const before = await held();
    const now = Math.floor(Date.now() / 1_000);
    const stranger = await newSigner();
    for (const headers of [
      {},
      { 'x-ropeline-entry': '' },
      { 'x-ropeline-entry': 'x'.repeat(5_000) },
      { 'x-ropeline-entry': await entryToken(stranger) },
      { 'x-ropeline-entry': await entryToken(signer, { iss: 'somebody' }) },
      { 'x-ropeline-entry': await entryToken(signer, { exp: now - 1 }) },
      { 'x-ropeline-entry': await entryToken(signer, { nbf: now + 60 }) },
      { 'x-ropeline-entry': token },
      { cookie: `ropeline_entry_other=${await entryToken(signer)}` },
    ]) {
      expect(await order(token, headers)).toMatchObject({
        status: 401,
        body: { code: 'entry-required', rooms: ['demo'] },
      });
    }
    expect(
      await order(token, { 'x-ropeline-entry': await entryToken(signer, { aud: 'other' }) }),
    ).toMatchObject({
      status: 403,
      body: { code: 'entry-wrong-room' },
    });
    expect(await held()).toBe(before);
  });

  test('that nobody else has used, also when two use it at once', async () => {
    const [one, two] = [await logIn(running, 'testuser3'), await logIn(running, 'testuser4')];
    const entry = { 'x-ropeline-entry': await entryToken(signer) };
    const both = await Promise.all([order(one, entry), order(two, entry)]);
    expect(both.map(({ status }) => status).sort()).toEqual([201, 403]);
    expect(both.find(({ status }) => status === 403)?.body['code']).toBe('entry-bound');
    const [winner, loser] = both[0]?.status === 201 ? [one, two] : [two, one];
    expect((await order(winner, entry)).status).toBe(201);
    expect((await order(loser, entry)).status).toBe(403);
  });

  test('for four units at most, however they are ordered', async () => {
    const token = await logIn(running, 'testuser5');
    const entry = { 'x-ropeline-entry': await entryToken(signer) };
    expect((await order(token, entry, 3)).status).toBe(201);
    expect(await order(token, entry, 2)).toMatchObject({ status: 409, body: { code: 'limit-reached' } });
    expect((await order(token, entry, 1)).status).toBe(201);
    expect(await order(token, entry, 1)).toMatchObject({ status: 409, body: { code: 'limit-reached' } });
  });

  test('on the source route as well', async () => {
    const token = await logIn(running, 'testuser6');
    const reserve = (headers: Record<string, string>) =>
      call(running, '/ticket/reserve/1', {
        method: 'POST',
        headers: { 'x-access-token': token, ...headers },
      });
    expect(await reserve({})).toMatchObject({ status: 401, body: { code: 'entry-required' } });
    expect((await reserve({ 'x-ropeline-entry': await entryToken(signer) })).status).toBe(200);
  });

  test('but never without a log-in', async () => {
    expect(await order('nonsense', { 'x-ropeline-entry': await entryToken(signer) })).toMatchObject({
      status: 401,
      body: { code: 'login-required' },
    });
  });
});
