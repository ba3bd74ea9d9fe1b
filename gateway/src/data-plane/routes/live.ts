import { AppError } from '@ropeline/core/errors.ts';
import { liveSubprotocol, ticketSubprotocolPrefix } from '@ropeline/core/protocol/entry.ts';
import {
  ClientMessage,
  type CloseCode,
  closeCodes,
  type ServerMessage,
} from '@ropeline/core/protocol/live.ts';
import type { VisitorState } from '@ropeline/core/protocol/status.ts';
import { Value } from 'typebox/value';
import type { LiveRoom } from '../../queue/live-room.ts';
import { statusOf, tellNumbers, toldState } from '../../queue/numbers/numbers.ts';
import { reasonOf } from '../../queue/room-state.ts';
import type { GivenTurn, Outlet, Sender } from '../../queue/visitors/fan-out.ts';
import { isOver, type Visitor } from '../../queue/visitors/roster.ts';
import { statusJson, tickJson } from '../../queue/visitors/status-json.ts';
import type { RequestView, Socket, SocketHandler, UpgradeDecision } from '../../transport/http.ts';
import type { Context } from '../context.ts';
import { placeTicketOf } from '../credentials.ts';
import { outsideOf } from '../forwarded.ts';
import { isCrossSite } from '../origin.ts';
import { safeTarget } from '../path.ts';
import { claimEntry } from '../visit-request.ts';

export type LiveData = {
  readonly room: LiveRoom;
  readonly ticket: string | undefined;
  watch: LiveWatch | undefined;
  /** What the client said before its place was found. */
  early: string[];
};

/** A client that says more than this before it is answered has no reason to. */
const mostEarly = 4;
/** Messages that a socket may send at once; one a second comes back. */
const mostMessages = 20;
const livePath = /^\/_ropeline\/rooms\/([a-z0-9-]{1,40})\/live$/;

/**
 * An upgrade of own origin for a known room is always accepted; what is wrong with it is said by the close, because
 * browsers cannot read a refused upgrade.
 */
export function decideUpgrade(context: Context, request: RequestView): UpgradeDecision<LiveData> {
  const room = context.rooms.get(livePath.exec(request.path)?.[1] ?? '');
  if (room === undefined) return { accept: false, error: new AppError('unknown-room') };
  if (isCrossSite(request.headers, outsideOf(request, context.trusted).host)) {
    return { accept: false, error: new AppError('cross-site') };
  }
  const offered = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim());
  const inProtocol = offered.find((name) => name.startsWith(ticketSubprotocolPrefix));
  const ticket = inProtocol?.slice(ticketSubprotocolPrefix.length) ?? placeTicketOf(request.headers);
  const protocol = offered.includes(liveSubprotocol) ? liveSubprotocol : undefined;
  return { accept: true, protocol, data: { room, ticket, watch: undefined, early: [] } };
}

export function liveHandler(context: Context): SocketHandler<LiveData> {
  return {
    async open(socket) {
      const { room, ticket } = socket.data;
      if (context.isDraining()) return comeBack(socket);
      if (ticket === undefined) return closeWith(socket, 'no-place');
      const found = await context.visits.find(room, ticket).catch(() => undefined);
      if (found === undefined) return closeWith(socket, 'unavailable', 1_000 + Math.random() * 2_000);
      if (found.visitor === undefined) return closeWith(socket, found.why);
      if (!socket.isOpen) return;
      if (context.isDraining()) return comeBack(socket);
      const live = new LiveWatch(context, socket, room, found.visitor, found.freshTicket);
      socket.data.watch = live;
      for (const text of socket.data.early) await live.receive(text);
    },
    message: (socket, text) => {
      const { watch: live, early } = socket.data;
      if (live !== undefined) return live.receive(text);
      if (early.length < mostEarly) early.push(text);
    },
    close: (socket) => socket.data.watch?.end(),
  };
}

function comeBack(socket: Socket<LiveData>): void {
  closeWith(socket, 'come-back', 500 + Math.random() * 2_500);
}

function closeWith(socket: Socket<LiveData>, code: CloseCode, retryAfterMs?: number): void {
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs: Math.round(retryAfterMs) };
  socket.close(closeCodes[code], JSON.stringify({ code, ...retry }));
}

/** One open socket of a visitor. */
export class LiveWatch implements Sender {
  readonly #context: Context;
  readonly #socket: Socket<LiveData>;
  readonly #room: LiveRoom;
  readonly #visitor: Visitor;
  readonly #outlet: Outlet;
  #toldTurn = 0;
  #told: VisitorState | undefined;
  #allowance = mostMessages;
  /** Ms of the process. */
  #saidAt = performance.now();

  constructor(
    context: Context,
    socket: Socket<LiveData>,
    room: LiveRoom,
    visitor: Visitor,
    freshTicket: string | undefined,
  ) {
    this.#context = context;
    this.#socket = socket;
    this.#room = room;
    this.#visitor = visitor;
    this.#outlet = room.fanOut.add(this, visitor);
    if (visitor.state === 'waiting' || visitor.state === 'abandoned') void room.visitors.hold(visitor);
    const { state, turn, deadline } = visitor;
    const given = state === 'admitted' ? { turn, claimBy: deadline } : undefined;
    this.sendChange(given, isOver(state), freshTicket);
  }

  sendChange(given: GivenTurn | undefined, over: boolean, freshTicket?: string): void {
    this.#sendStatus(freshTicket);
    if (given !== undefined) this.#tellTurn(given.turn, given.claimBy);
    if (over) closeWith(this.#socket, 'place-over');
  }

  /** A client that does not keep up gets the next numbers instead: these would be old when it reads them. */
  sendNumbers(): void {
    if (this.#socket.bufferedBytes > 0) return;
    this.#socket.send(tickJson(tellNumbers(this.#room, this.#visitor), Math.round(this.#room.cursor.now())));
  }

  sendRoom(): void {
    const state = this.#room.state;
    const reason = reasonOf(state, this.#room.link);
    this.#send({ type: 'state', state, ...(reason === undefined ? {} : { reason }) });
    // At the opening who was scheduled waits: a change of the visitor's own state.
    if (toldState(this.#visitor, state) !== this.#told) this.#sendStatus();
    else if (this.#visitor.state === 'waiting') this.sendNumbers();
  }

  sendPlace(): void {
    this.#sendStatus(this.#context.visits.ticketOf(this.#room, this.#visitor));
  }

  sendMessage(): void {
    this.#send({ type: 'message', text: this.#room.rules.page.message });
  }

  sendDeleted(): void {
    this.#send({ type: 'state', state: 'closed', reason: 'closed' });
    closeWith(this.#socket, 'unknown-room');
  }

  sendAway(): void {
    closeWith(this.#socket, 'come-back', Math.random() * 3_000);
  }

  /** A message of the client. What is malformed closes the socket; unknown types are passed over. */
  async receive(text: string): Promise<void> {
    if (!this.#maySay()) return comeBack(this.#socket);
    const message = parse(text);
    if (message === 'malformed') return closeWith(this.#socket, 'bad-message');
    if (message === undefined) return;
    switch (message.type) {
      case 'claim':
        return this.#claim(safeTarget(message.to) ?? '/');
      case 'leave':
        await this.#context.visits.leave(this.#room, this.#visitor.id).catch(() => undefined);
        return;
      case 'here':
        return;
      default:
        return message satisfies never;
    }
  }

  /** A page says a word or two in its life; who says more than one a second for long is not one. */
  #maySay(): boolean {
    const now = performance.now();
    this.#allowance = Math.min(mostMessages, this.#allowance + (now - this.#saidAt) / 1_000) - 1;
    this.#saidAt = now;
    return this.#allowance >= 0;
  }

  /** The socket is gone: with the last one of a waiting visitor the grace period begins. */
  end(): void {
    const visitor = this.#visitor;
    this.#room.fanOut.remove(this.#outlet);
    visitor.seenAt = Date.now();
    this.#room.visitors.release(visitor);
  }

  async #claim(to: string): Promise<void> {
    try {
      const { entry, turn, claimBy } = await claimEntry(this.#context, this.#room, this.#visitor, to);
      // The claim may be answered before the broadcast has told of the turn.
      if (claimBy > 0) this.#tellTurn(turn, claimBy);
      this.#send({ type: 'entry', ...entry });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#sendStatus();
    }
  }

  /** Once a turn, and always before an entry. */
  #tellTurn(turn: number, claimBy: number): void {
    if (this.#toldTurn === turn) return;
    this.#toldTurn = turn;
    this.#send({ type: 'admitted', claimBy });
  }

  #sendStatus(freshTicket?: string): void {
    const status = statusOf(this.#room, this.#visitor, freshTicket);
    this.#told = status.state;
    this.#socket.send(`{"type":"status",${statusJson(status).slice(1)}`);
  }

  #send(message: ServerMessage): void {
    this.#socket.send(JSON.stringify(message));
  }
}

function parse(text: string): ClientMessage | 'malformed' | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return 'malformed';
  }
  if (Value.Check(ClientMessage, message)) return message;
  const type = (message as { type?: unknown } | null)?.type;
  return typeof type === 'string' && !['claim', 'leave', 'here'].includes(type) ? undefined : 'malformed';
}
