import { setTimeout as delay } from 'node:timers/promises';
import { liveSubprotocol, ticketSubprotocolPrefix } from '@ropeline/core/protocol/entry.ts';
import type { ServerMessage } from '@ropeline/core/protocol/live.ts';
import type { Entry, Status } from '@ropeline/core/protocol/status.ts';
import { WebSocket } from 'ws';
import { until } from '../../testing/until.ts';
import { type Answer, type CallOptions, call } from './call.ts';

export type Closed = {
  readonly code: number;
  readonly reason: string;
  /** Whether the socket had been open: else the connection was lost before the gateway accepted it. */
  readonly wasOpen: boolean;
};

const comeBackWithinMs = 3_000;
const attempts = 20;

/**
 * A visitor of the demo room as the protocol wants clients to be: repeats what was not answered or told to come
 * later, comes back to a lost socket with the place ticket, claims at the turn. Keeps what it was told.
 */
export class RoomVisitor {
  readonly messages: ServerMessage[] = [];
  /** How its sockets were closed, the last one last. */
  readonly closes: Closed[] = [];
  /** Visitor ids that it was told; more than one = the place was lost. */
  readonly ids = new Set<string>();
  /** Requests that had no answer, or were asked to come later, and went through when repeated. */
  repeated = 0;
  ticket = '';
  /** When the join that was answered was sent, and its answer was there; Unix ms. */
  askedAt = 0;
  answeredAt = 0;
  /** The last status of all, by whatever way. */
  status: Status | undefined;
  entry: Entry | undefined;
  readonly #room: string;
  readonly #end = new AbortController();
  #socket: WebSocket | undefined;

  constructor(gateway: string) {
    this.#room = `${gateway}/_ropeline/rooms/demo`;
  }

  get id(): string {
    const [first] = this.ids;
    if (first === undefined) throw new Error('has not joined');
    return first;
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Takes a place; throws when the room refuses. */
  async join(): Promise<Status> {
    const answer = await this.ask('POST', '/join', () => {
      this.askedAt = Date.now();
    });
    this.answeredAt = Date.now();
    if (answer.status !== 201) throw new Error(`join: ${answer.status} ${answer.text}`);
    return this.#told(statusIn(answer));
  }

  /** Holds a socket until it has the entry, is told that the place is over, or is stopped. */
  watch(): this {
    void this.#watch();
    return this;
  }

  /** Polls every `everyMs` until it has the entry or is stopped. */
  async poll(everyMs: number): Promise<void> {
    while (!this.#end.signal.aborted && this.entry === undefined) {
      const status = await this.look();
      if (status.state === 'admitted' || status.state === 'active') await this.claim();
      else await delay(everyMs, undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
  }

  async look(): Promise<Status> {
    const answer = await this.ask('GET', '/status');
    if (answer.status !== 200) throw new Error(`status: ${answer.status} ${answer.text}`);
    return this.#told(statusIn(answer));
  }

  async claim(): Promise<Entry> {
    const answer = await this.ask('POST', '/claim');
    if (answer.status !== 200) throw new Error(`claim: ${answer.status} ${answer.text}`);
    // Shape of the wire contract.
    this.entry = answer.body as unknown as Entry;
    return this.entry;
  }

  /** Joins unless it has a place, waits for the turn by polling, and takes it. */
  async getIn(): Promise<Entry> {
    if (this.ticket === '') await this.join();
    await until(async () => (await this.look()).state === 'admitted');
    return this.claim();
  }

  /** Leaves the queue or ends the session. */
  leave(): Promise<Answer> {
    return this.ask('DELETE', '/place');
  }

  stop(): void {
    this.#end.abort();
    this.#socket?.terminate();
  }

  /** One request to the room with the ticket, repeated while it has no answer or is told to come later. */
  async ask(method: string, path: string, before: () => void = () => undefined): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      before();
      const headers = this.ticket === '' ? {} : { authorization: `Bearer ${this.ticket}` };
      const answer = await this.#once(method, path, { headers });
      const retryAfter = answer?.headers.get('retry-after') ?? null;
      if (answer !== undefined && (answer.status !== 503 || retryAfter === null)) return answer;
      if (attempt === attempts) throw new Error(`${method} ${path}: no answer in ${attempts} attempts`);
      this.repeated += 1;
      await delay(answer === undefined ? 100 : Number(retryAfter) * 1_000);
    }
  }

  /** Undefined when the connection was lost. */
  async #once(method: string, path: string, options: CallOptions): Promise<Answer | undefined> {
    try {
      return await call(method, this.#room + path, options);
    } catch (error) {
      // What fetch throws for a connection; anything else is a fault of ours.
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }

  #told(status: Status): Status {
    this.ids.add(status.visitor);
    if (status.place !== undefined) this.ticket = status.place;
    this.status = status;
    return status;
  }

  async #watch(): Promise<void> {
    while (!this.#end.signal.aborted && this.entry === undefined) {
      const { code, reason } = await this.#spell();
      if (code >= 4_500) return;
      if (this.entry === undefined)
        await delay(comeBackMs(reason), undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
  }

  /** One life of the socket. */
  #spell(): Promise<Closed> {
    return new Promise((resolve) => {
      const protocols = [liveSubprotocol, `${ticketSubprotocolPrefix}${this.ticket}`];
      const url = `${this.#room}/live`.replace(/^http/, 'ws');
      const socket = new WebSocket(url, protocols, { perMessageDeflate: false, handshakeTimeout: 60_000 });
      this.#socket = socket;
      let wasOpen = false;
      socket.on('open', () => {
        wasOpen = true;
      });
      socket.on('message', (data) => this.#received(JSON.parse(String(data)) as ServerMessage, socket));
      // An error is always followed by a close.
      socket.on('error', () => undefined);
      socket.on('close', (code, reason) => {
        const closed = { code, reason: String(reason), wasOpen };
        this.closes.push(closed);
        resolve(closed);
      });
    });
  }

  #received(message: ServerMessage, socket: WebSocket): void {
    this.messages.push(message);
    if (message.type === 'status') this.#told(message);
    if (message.type === 'entry') {
      this.entry = message;
      socket.close(1000);
    }
    // Who was admitted while away, or claimed and never heard the answer, finds the turn in the first status.
    const hasTurn = message.type === 'admitted' || (message.type === 'status' && message.state === 'active');
    if (hasTurn) socket.send(JSON.stringify({ type: 'claim' }));
  }
}

function statusIn({ body }: Answer): Status {
  // Shape of the wire contract; what a test relies on it asserts.
  return body as unknown as Status;
}

/** As the close says, else a random moment, so that not all come back at once. */
function comeBackMs(reason: string): number {
  if (!reason.startsWith('{')) return Math.random() * comeBackWithinMs;
  return (JSON.parse(reason) as { retryAfterMs: number }).retryAfterMs;
}
