import type { Entry, Status } from '../../core/src/protocol/status.ts';
import { type Answer, ask } from './request.ts';
import { settings } from './settings.ts';
import { trouble } from './trouble.ts';

/** A place in the queue, or the refusal that is an answer too. */
export type Joined =
  | { readonly kind: 'place'; readonly ticket: string; readonly status: Status }
  | { readonly kind: 'sold-out' }
  | { readonly kind: 'failed'; readonly why: string };

/** How the waiting ended. */
export type Waited =
  | { readonly kind: 'entry'; readonly entryToken: string; readonly claimBy: number; readonly toldAt: number }
  | { readonly kind: 'sold-out'; readonly toldAt: number }
  | { readonly kind: 'failed'; readonly why: string };

/**
 * Takes a place. Who goes on to wait on a socket closes this connection: it would idle until the server's
 * keep-alive limit, and a POST that meets the close is lost.
 */
export function join(socketFollows: boolean): Joined {
  const answer = ask({
    method: 'POST',
    url: `${settings.roomUrl}/join`,
    name: 'join',
    headers: socketFollows ? { Connection: 'close' } : {},
    repeatable: true,
  });
  if (answer === undefined) return { kind: 'failed', why: 'join' };
  if (answer.status === 409) return refusal(answer);
  const status = answer.body as unknown as Status;
  if (status.place === undefined) return { kind: 'failed', why: 'join gave no place ticket' };
  return { kind: 'place', ticket: status.place, status };
}

function refusal(answer: Answer): Joined {
  const code = String(answer.body['code']);
  return code === 'sold-out' ? { kind: 'sold-out' } : { kind: 'failed', why: `join: ${code}` };
}

export function bearer(ticket: string): Record<string, string> {
  return { Authorization: `Bearer ${ticket}` };
}

/** The claim of a visitor who polls, or who has the turn at once. */
export function claim(ticket: string): Entry | undefined {
  const answer = ask({
    method: 'POST',
    url: `${settings.roomUrl}/claim`,
    name: 'claim',
    headers: bearer(ticket),
    repeatable: true,
  });
  if (answer === undefined) return undefined;
  if (answer.status === 200) return answer.body as unknown as Entry;
  trouble(`claim ${answer.status} ${String(answer.body['code'])}`);
  return undefined;
}

/** Ends the session, so that its capacity goes to the next. */
export function leave(ticket: string): void {
  ask({
    method: 'DELETE',
    url: `${settings.roomUrl}/place`,
    name: 'leave',
    headers: bearer(ticket),
    repeatable: true,
  });
}
