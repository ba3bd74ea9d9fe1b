import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cleanedUp } from '../../../testing/scope.ts';

export type TestUpstream = { readonly origin: string; readonly seen: string[] };

/** A site that answers with its name and keeps the paths that it was asked for; gone at the end of the test. */
export async function startTestUpstream(name: string): Promise<TestUpstream> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    response.end(name);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanedUp(server, (it) => {
    it.closeAllConnections();
    it.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
