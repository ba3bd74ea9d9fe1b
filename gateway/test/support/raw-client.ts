import { connect, type Socket } from 'node:net';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';

/** A client that writes and reads bytes as they are: no HTTP library would send what these tests send. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits for the text to come, and returns all that came so far. */
  async sees(part: string): Promise<string> {
    await until(() => this.text.includes(part));
    return this.text;
  }

  async isClosed(): Promise<string> {
    await until(() => this.closed);
    return this.text;
  }

  /** How often the text came. */
  count(part: string): number {
    return this.text.split(part).length - 1;
  }
}

/** Connected to the port, and closed with the test. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = cleanedUp(connect(port, '127.0.0.1'), (it) => it.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return new RawClient(socket);
}

export function request(method: string, path: string, headers: readonly string[] = [], body = ''): string {
  return `${[`${method} ${path} HTTP/1.1`, 'Host: site.test', ...headers].join('\r\n')}\r\n\r\n${body}`;
}
