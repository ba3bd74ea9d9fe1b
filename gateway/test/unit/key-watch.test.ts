import { writeFileSync } from 'node:fs';
import { createLog } from '@ropeline/core/log.ts';
import { EntryVerifier } from '@ropeline/core/token/entry-token.ts';
import { expect, test } from 'vitest';
import { retired, withNewEntryKey } from '../../../scripts/rotate/rotation.ts';
import { formatEntryKeys, newEntryKey, newSecret } from '../../../scripts/start/secrets.ts';
import { cleanedUp } from '../../../testing/scope.ts';
import { readEntryKeys, readPlaceSecrets } from '../../src/entry-keys.ts';
import { KeyWatch } from '../../src/key-watch.ts';
import { makeKeyFiles } from '../support/spawn-gateway.ts';

const place = {
  room: 'demo',
  run: 1,
  epoch: 1,
  epochId: 'e',
  visitor: 'v',
  lane: 'standard',
  score: '5',
  issuedAt: 0,
};

async function watched(given: readonly string[] = []) {
  const files = makeKeyFiles();
  const placeSecrets = { file: files.placeSecrets, given };
  const signer = await readEntryKeys(files.entryKeys);
  const tickets = readPlaceSecrets(placeSecrets);
  const verifier = new EntryVerifier('ropeline');
  const log = createLog('test', 'silent');
  const watch = new KeyWatch({
    entryKeysFile: files.entryKeys,
    placeSecrets,
    signer,
    verifier,
    tickets,
    log,
  });
  cleanedUp(watch, (it) => it.stop());
  const claims = { iss: 'ropeline', aud: 'demo', sub: 'v', jti: 'v.1', lane: 'standard' };
  const iat = Math.floor(Date.now() / 1_000);
  return {
    files,
    watch,
    verifier,
    tickets,
    token: () => signer.sign({ ...claims, iat, nbf: iat, exp: iat + 60 }),
  };
}

test('files that become unreadable nonsense change nothing, and are taken over once they are right', async () => {
  const { files, watch, verifier, tickets, token } = await watched();
  const [ticket, entry] = [tickets.sign(place), await token()];
  writeFileSync(files.entryKeys, '{"keys": [');
  writeFileSync(files.placeSecrets, 'short');
  await watch.look();
  expect(tickets.verify(ticket)).toMatchObject({ visitor: 'v' });
  expect(await verifier.verify(entry)).toMatchObject({ sub: 'v' });
  writeFileSync(files.entryKeys, formatEntryKeys([newEntryKey()]));
  writeFileSync(files.placeSecrets, newSecret());
  await watch.look();
  expect(tickets.verify(ticket)).toBeUndefined();
  expect(await verifier.verify(entry)).toBeUndefined();
  expect(await verifier.verify(await token())).toMatchObject({ sub: 'v' });
});

test('secrets of the environment go on verifying when those of a file take over', async () => {
  const given = newSecret();
  const { files, watch, tickets } = await watched([given]);
  const before = readPlaceSecrets({ file: undefined, given: [given] }).sign(place);
  expect(tickets.isCurrent(before)).toBe(false);
  writeFileSync(files.placeSecrets, `${newSecret()} from=4000000000000\n`);
  await watch.look();
  expect(tickets.verify(before)).toMatchObject({ visitor: 'v' });
  expect(tickets.isCurrent(before)).toBe(true);
});

test('a key whose time is over leaves the published set and the verifier by itself', async () => {
  const { files, watch, verifier, token } = await watched();
  const [old, next] = [newEntryKey(), newEntryKey()];
  writeFileSync(files.entryKeys, formatEntryKeys([old]));
  await watch.look();
  const entry = await token();
  const write = (verifiesUntil: number): void =>
    writeFileSync(
      files.entryKeys,
      formatEntryKeys(withNewEntryKey([old], next, { now: 1, signsFrom: 1, verifiesUntil })),
    );
  write(Date.now() + 60_000);
  await watch.look();
  expect(await verifier.verify(entry)).toMatchObject({ sub: 'v' });
  write(Date.now() - 1);
  await watch.look();
  expect(await verifier.verify(entry)).toBeUndefined();
  expect(await verifier.verify(await token())).toBeDefined();
});

test('retiring keeps what signs and what will sign', () => {
  const keys = [{ signsFrom: 200 }, { signsFrom: 100 }, { signsFrom: 50 }, {}];
  expect(retired(keys, 120)).toEqual({ kept: keys.slice(0, 2), out: keys.slice(2) });
  expect(retired(keys, 10)).toEqual({ kept: keys, out: [] });
});
