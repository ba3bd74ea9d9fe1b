import { expect, inject, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { type OpenControl, openControl, token } from '../support/open-control.ts';

type Call = {
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly action: string;
};

/** Calls that write and are not audited, each with the reason why. */
const silent = [
  'post /api/rooms/{room}/preview', // changes nothing
  'post /api/rooms/{room}/beacon', // needs a draw: shown with the draws
];

async function visitorIn(open: OpenControl, name: string): Promise<string> {
  const room = open.rooms.get(name);
  if (room === undefined) throw new Error('the room is not open');
  const joined = await room.engine.join(room.cursor, { visitor: 'somebody', lane: 0, score: 0, fresh: 'f' });
  if (joined.refused !== undefined) throw new Error(joined.refused);
  return joined.visitor;
}

test('every call that changes a room is audited with the name of its author and the reason', async () => {
  const open = await openControl(inject('redisUrl'));
  const name = uniqueRoom();
  const ofRoom = `/api/rooms/${name}`;
  const rules = { queue: { alwaysOn: true }, admission: { ratePerMinute: 0 } };
  const called: string[] = [];
  const asked = async ({ method, path, body, action }: Call): Promise<void> => {
    const answer = await open.call(method, `${path}?reason=because`, {
      as: token.admin,
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.status, `${method} ${path}`).toBeLessThan(300);
    const { entries } = (await open.call('GET', `${ofRoom}/audit`)).body;
    expect(entries[0], `${method} ${path}`).toMatchObject({ author: 'admin', reason: 'because', action });
    called.push(`${method.toLowerCase()} ${path}`);
  };

  await asked({ method: 'POST', path: '/api/rooms', body: { room: name, rules }, action: 'create' });
  await asked({ method: 'PATCH', path: ofRoom, body: { page: { message: 'hello' } }, action: 'patch' });
  for (const action of ['pause', 'resume', 'drain', 'open', 'close', 'open', 'reset']) {
    await asked({ method: 'POST', path: `${ofRoom}/${action}`, action });
  }
  const visitor = await visitorIn(open, name);
  await asked({ method: 'DELETE', path: `${ofRoom}/visitors/${visitor}`, action: 'revoke' });
  await asked({ method: 'POST', path: `${ofRoom}/codes`, body: { codes: ['first'] }, action: 'codes' });
  const { batch } = (await open.call('GET', `${ofRoom}/codes`)).body.batches[0];
  const withdrawal = { codes: ['first'] };
  const withdraw = 'withdraw-codes';
  await asked({ method: 'POST', path: `${ofRoom}/codes/withdraw`, body: withdrawal, action: withdraw });
  await asked({ method: 'DELETE', path: `${ofRoom}/codes/${batch}`, action: withdraw });
  await asked({ method: 'DELETE', path: ofRoom, action: 'delete' });

  const { body: api } = await open.call('GET', '/openapi.json');
  const writes = Object.entries(api.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).flatMap((method) => (method === 'get' ? [] : [`${method} ${path}`])),
  );
  const shown = called.map((call) =>
    call.replace(name, '{room}').replace(visitor, '{visitor}').replace(batch, '{batch}'),
  );
  const signals = 'post /api/rooms/{room}/signals';
  expect(new Set(writes)).toEqual(new Set([...shown, ...silent, signals]));
});

test('a signal is audited when it changes what the room does, with who sent it and what it said', async () => {
  const open = await openControl(inject('redisUrl'));
  const name = uniqueRoom();
  await open.call('POST', '/api/rooms', { body: { room: name, rules: { stock: { follow: true } } } });
  const signal = (sold: number) =>
    open.call('POST', `/api/rooms/${name}/signals`, { body: { stock: { capacity: 9, held: 0, sold } } });
  await signal(1);
  await signal(9);
  await signal(9);
  const { entries } = (await open.call('GET', `/api/rooms/${name}/audit`)).body;
  expect(entries.map(({ action }: { action: string }) => action)).toEqual(['signal', 'create']);
  expect(entries[0]).toMatchObject({ author: 'admin', changes: { capacity: '9', sold: '9' } });
});
