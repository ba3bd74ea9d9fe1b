import { WebSocket } from 'k6/websockets';
import { liveSubprotocol, ticketSubprotocolPrefix } from '../../core/src/protocol/entry.ts';
import type { ServerMessage } from '../../core/src/protocol/live.ts';
import { socketsReopened } from './numbers.ts';
import { settings } from './settings.ts';
import type { Story } from './story.ts';
import { trouble } from './trouble.ts';
import type { Waited } from './waiting-room.ts';

/** A close event of k6; its members are not in @types/k6. */
type CloseEvent = { readonly code?: number; readonly reason?: string };

const fromHereNoReturn = 4_500;
/** Ticks are most of what arrives and need no answer: they are told by their first bytes and not parsed. */
const tickPrefix = '{"type":"tick"';

/**
 * Waits on the socket and claims over it (no second connection, no keep-alive race). A socket that is lost is
 * opened again after the pause that the server names, or a random 0-3 s.
 */
export async function waitOnSocket(ticket: string, story: Story, deadline: number): Promise<Waited> {
  const turn: Turn = { ticket, claimBy: 0, toldAt: 0, asked: false };
  for (;;) {
    const end = await watch(turn, deadline);
    if (end.kind !== 'closed') return end;
    if (end.code >= fromHereNoReturn)
      return { kind: 'failed', why: `socket closed: ${end.code} ${end.reason}` };
    if (Date.now() > deadline) return { kind: 'failed', why: 'waited too long' };
    story.reopened += 1;
    socketsReopened.add(1);
    await pause(end.pauseMs);
  }
}

/** `asked`: this socket has sent its claim; a new socket asks again, for the entry may be lost with the old. */
type Turn = { ticket: string; claimBy: number; toldAt: number; asked: boolean };
type Closed = {
  readonly kind: 'closed';
  readonly code: number;
  readonly reason: string;
  readonly pauseMs: number;
};

function watch(turn: Turn, deadline: number): Promise<Waited | Closed> {
  return new Promise((resolve) => {
    const socket = new WebSocket(settings.liveUrl, null, {
      headers: { 'Sec-WebSocket-Protocol': `${liveSubprotocol}, ${ticketSubprotocolPrefix}${turn.ticket}` },
      tags: { name: 'live' },
    });
    let over = false;
    turn.asked = false;
    const finish = (end: Waited | Closed): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      socket.close();
      resolve(end);
    };
    const timer = setTimeout(
      () => finish({ kind: 'failed', why: 'waited too long' }),
      Math.max(deadline - Date.now(), 0),
    );
    socket.addEventListener('message', (event) => {
      const text = String((event as { data: unknown }).data);
      if (over || text.startsWith(tickPrefix)) return;
      const end = hear(JSON.parse(text) as ServerMessage, turn, () => socket.send('{"type":"claim"}'));
      if (end !== undefined) finish(end);
    });
    socket.addEventListener('error', (event) => {
      if (!over) trouble(`socket: ${String((event as { error: unknown }).error).slice(0, 60)}`);
    });
    socket.addEventListener('close', (event) => finish(closed(event as unknown as CloseEvent)));
  });
}

/** What a message means to a visitor; undefined while the waiting goes on. */
function hear(message: ServerMessage, turn: Turn, sendClaim: () => void): Waited | undefined {
  switch (message.type) {
    case 'admitted':
      return admitted(turn, message.claimBy, sendClaim);
    case 'entry':
      return { kind: 'entry', entryToken: message.entryToken, claimBy: turn.claimBy, toldAt: turn.toldAt };
    case 'status':
      turn.ticket = message.place ?? turn.ticket;
      if (message.state === 'rejected') {
        return message.reason === 'sold-out'
          ? { kind: 'sold-out', toldAt: Date.now() }
          : { kind: 'failed', why: `rejected: ${message.reason}` };
      }
      if (message.state === 'admitted' || message.state === 'active') {
        return admitted(turn, message.claimBy ?? 0, sendClaim);
      }
      return message.state === 'waiting' || message.state === 'scheduled'
        ? undefined
        : { kind: 'failed', why: `place is ${message.state}` };
    case 'tick':
    case 'message':
    case 'state':
      return undefined;
    default:
      // Clients ignore types that they do not know.
      return undefined;
  }
}

/** The turn is told by `admitted` and by `status`; each socket claims it once. */
function admitted(turn: Turn, claimBy: number, sendClaim: () => void): undefined {
  if (turn.toldAt === 0) {
    turn.claimBy = claimBy;
    turn.toldAt = Date.now();
  }
  if (turn.asked) return;
  turn.asked = true;
  sendClaim();
}

function closed({ code, reason }: CloseEvent): Closed {
  let retryAfterMs: unknown;
  try {
    retryAfterMs = (JSON.parse(reason ?? '') as { retryAfterMs?: unknown }).retryAfterMs;
  } catch {
    // a plain loss has no reason
  }
  const pauseMs = typeof retryAfterMs === 'number' ? retryAfterMs : Math.random() * 3_000;
  return { kind: 'closed', code: code ?? 1_006, reason: reason ?? '', pauseMs };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(), ms);
  });
}
