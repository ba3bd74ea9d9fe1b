import { sleep } from 'k6';
import type { Status } from '../../core/src/protocol/status.ts';
import { ask } from './request.ts';
import { settings } from './settings.ts';
import { bearer, claim, type Waited } from './waiting-room.ts';

/** Asks for the status as often as the room says and claims right after the answer that gives the turn. */
export function waitByPolling(place: string, first: Status, deadline: number): Waited {
  let ticket = place;
  let status = first;
  for (;;) {
    ticket = status.place ?? ticket;
    switch (status.state) {
      case 'admitted':
      case 'active':
        return take(ticket, status);
      case 'rejected':
        return status.reason === 'sold-out'
          ? { kind: 'sold-out', toldAt: Date.now() }
          : { kind: 'failed', why: `rejected: ${status.reason}` };
      case 'waiting':
      case 'scheduled':
        break;
      default:
        return { kind: 'failed', why: `place is ${status.state}` };
    }
    const pauseMs = Math.max(status.pollAfterMs, 100);
    if (Date.now() + pauseMs > deadline) return { kind: 'failed', why: 'waited too long' };
    sleep(pauseMs / 1_000);
    const answer = ask({
      method: 'GET',
      url: `${settings.roomUrl}/status`,
      name: 'status',
      headers: bearer(ticket),
      repeatable: true,
    });
    if (answer === undefined || answer.status !== 200) return { kind: 'failed', why: 'status' };
    status = answer.body as unknown as Status;
  }
}

function take(ticket: string, status: Status): Waited {
  const toldAt = Date.now();
  const entry = claim(ticket);
  if (entry === undefined) return { kind: 'failed', why: 'claim' };
  return { kind: 'entry', entryToken: entry.entryToken, claimBy: status.claimBy ?? 0, toldAt };
}
