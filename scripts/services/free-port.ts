import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that a system gives to connections and to whoever listens on any: 32,768 and up on Linux. */
const [lowest, highest] = [20_000, 32_000];
const mostTries = 1_000;

/**
 * A TCP port that is free on loopback and stays this process's to give: until it ends nobody else who asks here gets the
 * same one, also while nothing listens on it. So what was killed can be started again where it was.
 */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < mostTries; tried += 1) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if ((await isFree(port)) && (await keep(port))) return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** By the UDP port of the same number, which nothing else of ours uses: the system lets go of it with the process. */
async function keep(port: number): Promise<boolean> {
  const socket = createSocket('udp4').unref();
  try {
    socket.bind({ port, address: '127.0.0.1', exclusive: true });
    await once(socket, 'listening');
    return true;
  } catch {
    socket.close();
    return false;
  }
}
