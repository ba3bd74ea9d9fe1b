import { AppError } from '@ropeline/core/errors.ts';
import { entryHeader } from '@ropeline/core/protocol/entry.ts';
import type { Exchange, Header } from '../../transport/http.ts';
import type { Admission, AdmissionCheck, SiteRequest } from '../admission-check.ts';
import { redirect } from '../answers.ts';
import type { Context } from '../context.ts';
import { setEntryCookie } from '../credentials.ts';
import { outsideOf } from '../forwarded.ts';
import { readPath } from '../path.ts';

const commandHeader = 'x-ropeline-command';

/** Every path that is not the gateway's own: to the upstream with an entry, else to the queue. */
export async function site(context: Context, check: AdmissionCheck, exchange: Exchange): Promise<void> {
  if (exchange.headers.get('upgrade')?.toLowerCase() === 'websocket')
    throw new AppError('upgrade-not-supported');
  const request = siteRequest(context, exchange);
  const admission = await check.decide(request);
  if (admission.kind === 'refused') throw admission.error;
  if (admission.kind === 'redirect') return redirect(exchange, 302, admission.location);
  const renewal = await renew(context, admission, request.outside.proto === 'https');
  const { room, entry } = admission;
  const query = exchange.query === '' ? '' : `?${exchange.query}`;
  context.upstreams.of(room.rules.upstream).forward(exchange, {
    target: request.path.raw + query,
    outside: request.outside,
    entryToken: renewal?.token ?? entry?.credential.token,
    onResponseHeaders: (_status, headers) => {
      const command = headers.find(([name]) => name.toLowerCase() === commandHeader)?.[1];
      const kept =
        command === undefined ? headers : headers.filter(([name]) => name.toLowerCase() !== commandHeader);
      if (command?.trim() !== 'end-session' || entry === undefined)
        return renewal === undefined ? kept : forOneVisitor(kept, renewal.headers);
      context.visits.leave(room, entry.claims.sub).catch((error: unknown) => {
        context.log.warn({ err: error, room: room.name }, 'session not ended at the upstream’s word');
      });
      const gone = setEntryCookie(room.name, '', 0, request.outside.proto === 'https');
      return forOneVisitor(kept, [['set-cookie', gone]]);
    },
    onDone: (outcome) => context.onProxied(outcome),
  });
}

/** An answer with a visitor's token in it: a cache that kept it would give the entry to everybody. */
function forOneVisitor(headers: readonly Header[], more: readonly Header[]): readonly Header[] {
  const kept = headers.filter(([name]) => !/^(cache-control|expires|cdn-cache-control)$/i.test(name));
  return [...kept, ['cache-control', 'private, no-store'], ...more];
}

function siteRequest(context: Context, exchange: Exchange): SiteRequest {
  return {
    method: exchange.method,
    path: readPath(exchange.path),
    query: exchange.query,
    headers: exchange.headers,
    outside: outsideOf(exchange, context.trusted),
  };
}

type Renewal = { readonly token: string; readonly headers: readonly Header[] };

/** A session used in its second half is renewed before the answer's head, for the way its token came. */
export async function renew(
  context: Context,
  admission: Extract<Admission, { kind: 'in' }>,
  secure: boolean,
): Promise<Renewal | undefined> {
  const { room, entry } = admission;
  if (entry === undefined) return undefined;
  const renewed = await context.sessions.renewed(room, entry.claims);
  if (renewed === undefined) return undefined;
  const { token, deadline } = renewed;
  const cookie: Header = ['set-cookie', setEntryCookie(room.name, token, deadline, secure)];
  return {
    token,
    headers: entry.credential.from === 'header' ? [cookie, [entryHeader, token]] : [cookie],
  };
}
