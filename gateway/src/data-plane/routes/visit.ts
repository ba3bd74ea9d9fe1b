import { AppError } from '@ropeline/core/errors.ts';
import { publicRoom, statusOf } from '../../queue/numbers.ts';
import type { Visitor } from '../../queue/roster.ts';
import { statusJson } from '../../queue/status-json.ts';
import type { FindResult } from '../../queue/visits.ts';
import type { Header } from '../../transport/http.ts';
import { redirect, respondJson, respondJsonText, roomAddress } from '../answers.ts';
import { ClaimBody, JoinBody, readBody } from '../bodies.ts';
import { placeTicketOf, setEntryCookie, setPlaceCookie } from '../credentials.ts';
import { safeTarget } from '../path.ts';
import { claimEntry, refusal, requireVisitor, type VisitRequest } from '../visit-request.ts';

/** `POST join`: 201 a new place, 200 the same as before. */
export async function join(request: VisitRequest): Promise<void> {
  const { context, exchange, room, secure } = request;
  const ticket = placeTicketOf(exchange.headers);
  const { fields, isForm } = await readBody(exchange, JoinBody);
  if (context.isDraining()) {
    exchange.closeAfter();
    throw new AppError('unavailable', { detail: 'This gateway is stopping', retryAfterSeconds: 1 });
  }
  const { code } = fields;
  const lane = code === undefined || code === '' ? laneOf(request, fields.lane) : 0;
  const result = await context.visits.join(room, lane, ticket, code || undefined);
  // A browser without scripts is told by the page.
  const page = roomAddress(room.name, 'page', safeTarget(fields.to) ?? '/');
  if (result.refused !== undefined && isForm) {
    return redirect(exchange, 303, result.refused === 'uninvited' ? `${page}&code=refused` : page);
  }
  if (result.refused !== undefined) throw refusal(room, result.refused);
  const cookie: Header = ['set-cookie', setPlaceCookie(room.name, result.ticket, secure)];
  if (isForm) return redirect(exchange, 303, page, [cookie]);
  respondJsonText(
    exchange,
    result.isNew ? 201 : 200,
    statusJson(statusOf(room, result.visitor, result.ticket)),
    [cookie],
  );
}

/** The default lane; another one needs a code that grants it, and that names the lane itself. */
function laneOf({ room }: VisitRequest, name: string | undefined): number {
  const lane = name === undefined ? 0 : room.cursor.lanes.indexOf(name);
  if (lane < 0) throw new AppError('bad-request', { detail: 'The room has no such lane' });
  if (lane > 0) throw new AppError('lane-not-allowed');
  return lane;
}

/** `GET status`: from memory where it can, and then in the turn of the request; a poll renews the visitor's lease. */
export function status(request: VisitRequest): void | Promise<void> {
  const { context, exchange, room } = request;
  const ticket = placeTicketOf(exchange.headers);
  if (ticket === undefined) throw new AppError('no-place');
  const recalled = context.visits.recall(room, ticket);
  if (recalled !== undefined) return answerStatus(request, recalled);
  return context.visits.find(room, ticket).then((found) => answerStatus(request, found));
}

function answerStatus(request: VisitRequest, found: FindResult): void | Promise<void> {
  if (found.visitor === undefined) throw new AppError(found.why);
  const { context, room } = request;
  const { visitor, freshTicket } = found;
  if (visitor.state === 'abandoned' && room.link === 'up') {
    // Whoever asks is back: the place counts again, and the answer says so.
    return room.visitors.lease(visitor).then(() => tell(request, visitor, freshTicket));
  }
  context.visits.poll(room, visitor);
  tell(request, visitor, freshTicket);
}

function tell(
  { exchange, room, secure }: VisitRequest,
  visitor: Visitor,
  freshTicket: string | undefined,
): void {
  const more: Header[] =
    freshTicket === undefined ? [] : [['set-cookie', setPlaceCookie(room.name, freshTicket, secure)]];
  respondJsonText(exchange, 200, statusJson(statusOf(room, visitor, freshTicket)), more);
}

/** `POST claim`: the entry token and its cookie; the same turn again while it or its session lives. */
export async function claim(request: VisitRequest): Promise<void> {
  const { context, exchange, room, secure } = request;
  const { fields, isForm } = await readBody(exchange, ClaimBody);
  const to = safeTarget(fields.to) ?? '/';
  // A form is a browser's way in, and that answers with an address whatever became of the turn.
  if (isForm) return redirect(exchange, 303, roomAddress(room.name, 'enter', to));
  const { visitor } = await requireVisitor(request);
  const { entry, deadline } = await claimEntry(context, room, visitor, to);
  const cookie: Header = ['set-cookie', setEntryCookie(room.name, entry.entryToken, deadline, secure)];
  respondJson(exchange, 200, entry, [cookie]);
}

/** `DELETE place`: 204; `POST place/leave` by a form: 303 to the page. */
export async function leave(request: VisitRequest): Promise<void> {
  const { context, exchange, room, secure } = request;
  const isForm = exchange.method === 'POST';
  const { fields } = isForm ? await readBody(exchange, ClaimBody) : { fields: { to: undefined } };
  const { visitor } = await requireVisitor(request);
  await context.visits.leave(room, visitor.id);
  const gone: Header = ['set-cookie', setEntryCookie(room.name, '', 0, secure)];
  if (isForm)
    return redirect(exchange, 303, roomAddress(room.name, 'page', safeTarget(fields.to) ?? '/'), [gone]);
  exchange.respond(204, [['cache-control', 'no-store'], gone]);
}

/** `GET` of the room: its public state. */
export function show({ exchange, room }: VisitRequest): void {
  respondJson(exchange, 200, publicRoom(room));
}
