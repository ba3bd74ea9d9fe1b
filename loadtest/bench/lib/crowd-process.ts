import { setTimeout as delay } from 'node:timers/promises';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { WebSocket } from 'ws';

/** A crowd in a process of its own, told what to do by its parent: visitors on sockets, pollers, or mere sockets. */
export type CrowdOrder =
  | { readonly do: 'sockets' | 'pollers' | 'bare'; readonly room: string; readonly count: number }
  | { readonly do: 'report' };

export type CrowdReport = {
  /** Ms from the admission, by Redis' clock, to `admitted` here, by the same machine's. */
  readonly toldMs: readonly number[];
  readonly polls: number;
  /** Sockets that closed, and polls that failed. */
  readonly lost: number;
};

const [origin = '', windowMs = '0'] = process.argv.slice(2);
const atOnce = 100;
const toldMs: number[] = [];
let polls = 0;
let lost = 0;

process.on('message', (order: CrowdOrder) => {
  obey(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));
// A crowd lives as long as its parent wants it.
process.channel?.ref();

async function obey(order: CrowdOrder): Promise<{ done: number } | { report: CrowdReport }> {
  if (order.do === 'report') return { report: { toldMs, polls, lost } };
  const { room, count } = order;
  let left = count;
  const come = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      if (order.do === 'bare') await open('bare', 'x'.repeat(150));
      else if (order.do === 'sockets') await open(room, (await join(room)).place ?? '');
      else startPolling(room, await join(room));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, come));
  return { done: count };
}

async function join(room: string): Promise<Status> {
  const answer = await fetch(`${origin}/_ropeline/rooms/${room}/join`, { method: 'POST' });
  if (answer.status !== 201) throw new Error(`a join was answered ${answer.status}`);
  // Decode boundary: our own gateway's answer.
  return (await answer.json()) as Status;
}

function open(room: string, ticket: string): Promise<void> {
  const url = `${origin.replace('http', 'ws')}/_ropeline/rooms/${room}/live`;
  const socket = new WebSocket(url, ['ropeline.v1', `ropeline.ticket.${ticket}`], {
    perMessageDeflate: false,
    skipUTF8Validation: true,
  });
  socket.on('message', (data) => hear(String(data)));
  socket.on('close', () => {
    lost += 1;
  });
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
}

function hear(text: string): void {
  if (!text.startsWith('{"type":"admitted"')) return;
  const { claimBy } = JSON.parse(text) as { claimBy: number };
  toldMs.push(Date.now() - (claimBy - Number(windowMs)));
}

function startPolling(room: string, first: Status): void {
  const headers = { authorization: `Bearer ${first.place ?? ''}` };
  const poll = async (afterMs: number): Promise<void> => {
    for (let pause = afterMs; ; ) {
      await delay(pause);
      const answer = await fetch(`${origin}/_ropeline/rooms/${room}/status`, { headers });
      const status = (await answer.json()) as Status;
      polls += 1;
      if (answer.ok) pause = status.pollAfterMs;
      else lost += 1;
    }
  };
  void poll(Math.random() * first.pollAfterMs).catch(() => {
    lost += 1;
  });
}
