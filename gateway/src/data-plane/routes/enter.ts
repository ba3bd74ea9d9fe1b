import { AppError } from '@ropeline/core/errors.ts';
import { ask } from '../../queue/ask.ts';
import type { LiveRoom } from '../../queue/live-room.ts';
import type { Visitor } from '../../queue/visitors/roster.ts';
import { hasTurn } from '../../queue/visitors/visits.ts';
import type { Header } from '../../transport/http.ts';
import { queryOf, redirect, roomAddress } from '../answers.ts';
import {
  hasTestCookie,
  placeTicketOf,
  setEntryCookie,
  setPlaceCookie,
  setTestCookie,
} from '../credentials.ts';
import { isLookAhead } from '../origin.ts';
import { safeTarget } from '../path.ts';
import { claimEntry, type VisitRequest } from '../visit-request.ts';

/**
 * `GET enter?to=`: the browsers' way in. With a turn or a session: the entry cookie and on to `to`. Without a place,
 * in an idle room and once the test cookie has come back: joins, claims, and on. Everything else goes to the page.
 */
export async function enter(request: VisitRequest): Promise<void> {
  const { exchange, room } = request;
  const query = queryOf(exchange);
  const to = safeTarget(query.get('to') ?? undefined) ?? '/';
  const page = roomAddress(room.name, 'page', to);
  try {
    await findWay(request, query, to, page);
  } catch (error) {
    // A browser is here, and of what passes the page tells it and asks again by itself.
    if (!(error instanceof AppError) || !error.temporary) throw error;
    redirect(exchange, 303, page);
  }
}

async function findWay(
  request: VisitRequest,
  query: URLSearchParams,
  to: string,
  page: string,
): Promise<void> {
  const { context, exchange, room, secure } = request;
  if (isLookAhead(exchange.method, exchange.headers)) return redirect(exchange, 303, page);
  const ticket = placeTicketOf(exchange.headers);
  const found = ticket === undefined ? undefined : await context.visits.find(room, ticket);
  if (found?.visitor !== undefined && hasTurn(found.visitor)) return goIn(request, found.visitor, to, []);
  if (found?.visitor !== undefined && !isFinished(found.visitor)) return redirect(exchange, 303, page);

  if (!room.looksIdle || context.isDraining()) return redirect(exchange, 303, page);
  if (!hasTestCookie(exchange.headers)) {
    if (query.get('c') === '1') return redirect(exchange, 303, page);
    const again = `${roomAddress(room.name, 'enter', to)}&c=1`;
    return redirect(exchange, 303, again, [['set-cookie', setTestCookie(secure)]]);
  }
  const joined = await context.visits.join(room, 0, ticket);
  if (joined.refused !== undefined) return redirect(exchange, 303, page);
  const place: Header = ['set-cookie', setPlaceCookie(room.name, joined.ticket, secure)];
  if (!hasTurn(joined.visitor)) return redirect(exchange, 303, page, [place]);
  return goIn(request, joined.visitor, to, [place]);
}

async function goIn(
  request: VisitRequest,
  visitor: Visitor,
  to: string,
  more: readonly Header[],
): Promise<void> {
  const { context, exchange, room, secure } = request;
  try {
    const { entry, deadline } = await claimEntry(context, room, visitor, to);
    const cookie: Header = ['set-cookie', setEntryCookie(room.name, entry.entryToken, deadline, secure)];
    redirect(exchange, 303, to, [...more, cookie]);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // The turn is not there after all: the page says why, once this gateway knows it, or it would send back here.
    if (!error.temporary) await ask(room, () => room.visitors.check(visitor));
    redirect(exchange, 303, roomAddress(room.name, 'page', to), more);
  }
}

/** A place that is over makes room for a new one; a waiting or abandoned one is shown on the page. */
function isFinished(visitor: Visitor): boolean {
  return visitor.state === 'ended' || visitor.state === 'left' || visitor.state === 'lapsed';
}

/** Where a navigation without entry is sent: straight in while the room looks idle, else to the page. */
export function wayIn(room: LiveRoom, to: string): string {
  return roomAddress(room.name, room.looksIdle ? 'enter' : 'page', to);
}
