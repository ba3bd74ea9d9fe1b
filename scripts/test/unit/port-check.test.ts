import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { freePort } from '../../services/free-port.ts';
import { checkPorts } from '../../start/port-check.ts';

test('a port in use is named with its holder and the setting that moves it', async () => {
  const server = cleanedUp(createServer().listen(0, '127.0.0.1'), (one) => one.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const check = checkPorts('127.0.0.1', [
    { setting: 'GATEWAY_PORT', port },
    { setting: 'TICKET_PORT', port: await freePort() },
  ]);
  await expect(check).rejects.toThrow(`Port ${port} is in use by process ${process.pid}`);
  await expect(check).rejects.toThrow('GATEWAY_PORT=');
  await expect(check).rejects.not.toThrow('TICKET_PORT');
});

test('two settings of one port are told apart before anything starts', async () => {
  const port = await freePort();
  const wanted = ['GATEWAY_PORT', 'TICKET_PORT'].map((setting) => ({ setting, port }));
  await expect(checkPorts('127.0.0.1', wanted)).rejects.toThrow(
    `GATEWAY_PORT and TICKET_PORT are both ${port}`,
  );
});
