import { AppError } from '@ropeline/core/errors.ts';
import type { Problem } from '@ropeline/core/protocol/problem-codes.ts';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { publicRoom, statusOf } from '../../queue/numbers.ts';
import type { Header } from '../../transport/http.ts';
import { queryOf } from '../answers.ts';
import { hasTestCookie, placeTicketOf, setPlaceCookie, setTestCookie } from '../credentials.ts';
import { isLookAhead } from '../origin.ts';
import { decidePage } from '../page/decide-page.ts';
import { pageHeaders } from '../page/page-headers.ts';
import { renderPage } from '../page/render-page.ts';
import { safeTarget } from '../path.ts';
import { refusal, type VisitRequest } from '../visit-request.ts';

type Shown = {
  readonly status: Status | null;
  readonly problem?: Problem;
  readonly cookies: readonly string[];
};

/** `GET page?to=`: the queue page, complete without JavaScript. */
export async function page(request: VisitRequest): Promise<void> {
  const { context, exchange, room, secure } = request;
  const query = queryOf(exchange);
  const place = await presentPlace(request);
  const decision = decidePage({
    hasPlace: place !== undefined,
    hasTestCookie: hasTestCookie(exchange.headers),
    checked: query.get('c') === '1',
    isPrefetch: isLookAhead(exchange.method, exchange.headers),
  });
  const shown: Shown =
    decision === 'join' ? await joinForPage(request) : (place ?? { status: null, cookies: [] });
  const cookies = decision === 'test' ? [...shown.cookies, setTestCookie(secure)] : shown.cookies;
  const startedAhead = Number(query.get('from') ?? Number.NaN);
  const text = renderPage({
    room: room.name,
    to: safeTarget(query.get('to') ?? undefined) ?? '/',
    status: shown.status,
    publicState: publicRoom(room),
    ...(shown.problem === undefined ? {} : { problem: shown.problem }),
    needsTestCookie: decision === 'test',
    cookiesOff: decision === 'cookies-off',
    confirm: room.rules.claim.confirm,
    ...(Number.isSafeInteger(startedAhead) && startedAhead >= 0 ? { startedAhead } : {}),
    takesCodes: room.rules.lanes.length > 1 || room.rules.queue.inviteOnly,
    codeRefused: query.get('code') === 'refused',
    assets: context.assets.page,
  });
  const headers: Header[] = Object.entries(pageHeaders);
  exchange.respond(200, [...headers, ...cookies.map((cookie): Header => ['set-cookie', cookie])], text);
}

/** The place of the request's ticket, if the ticket means anything in this run. */
async function presentPlace({ context, exchange, room, secure }: VisitRequest): Promise<Shown | undefined> {
  const ticket = placeTicketOf(exchange.headers);
  if (ticket === undefined) return undefined;
  try {
    const { visitor, ...found } = await context.visits.find(room, ticket);
    if (visitor === undefined) return undefined;
    context.visits.poll(room, visitor);
    const fresh = 'freshTicket' in found ? found.freshTicket : undefined;
    return {
      status: statusOf(room, visitor),
      cookies: fresh === undefined ? [] : [setPlaceCookie(room.name, fresh, secure)],
    };
  } catch (error) {
    return { status: null, problem: problemOf(error), cookies: [] };
  }
}

async function joinForPage({ context, exchange, room, secure }: VisitRequest): Promise<Shown> {
  try {
    if (context.isDraining()) throw new AppError('unavailable', { retryAfterSeconds: 1 });
    const joined = await context.visits.join(room, 0, placeTicketOf(exchange.headers));
    if (joined.refused !== undefined) throw refusal(room, joined.refused);
    return {
      status: statusOf(room, joined.visitor),
      cookies: [setPlaceCookie(room.name, joined.ticket, secure)],
    };
  } catch (error) {
    return { status: null, problem: problemOf(error), cookies: [] };
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof AppError) return error.toProblem();
  throw error;
}
