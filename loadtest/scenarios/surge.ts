import { sleep } from 'k6';
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';
import type { Options } from 'k6/options';
import { entryHeader } from '../../core/src/protocol/entry.ts';
import type { Status } from '../../core/src/protocol/status.ts';
import { admittedToTold, arrivalToAnswer, steps } from '../lib/numbers.ts';
import { report } from '../lib/report.ts';
import { expectAnswers } from '../lib/request.ts';
import { declinePayments, prepareRoom } from '../lib/room-control.ts';
import { settings } from '../lib/settings.ts';
import { logIn, type Pass, pay, reserve } from '../lib/shop.ts';
import { beginStory, type Story } from '../lib/story.ts';
import type { Summary } from '../lib/summary.ts';
import { trouble, troublesSoFar } from '../lib/trouble.ts';
import { waitByPolling } from '../lib/wait-by-polling.ts';
import { waitOnSocket } from '../lib/wait-on-socket.ts';
import { claim, join, leave, type Waited } from '../lib/waiting-room.ts';

const { variant, visitors } = settings;

/** One array for all visitors: what `setup()` returns is copied into each of them. */
const accessTokens =
  settings.tokensFile === ''
    ? undefined
    : new SharedArray('access tokens', () => JSON.parse(open(settings.tokensFile)) as string[]);

expectAnswers();

const lastAnswerSeconds = settings.arrivalSeconds + settings.patienceSeconds + 2 * settings.retrySeconds;

/** The thresholds are the goals. Straight at the shop there is no goal: that run is there to be compared. */
export const options: Options = {
  scenarios: {
    crowd: {
      executor: 'per-vu-iterations',
      vus: visitors,
      iterations: 1,
      maxDuration: `${lastAnswerSeconds}s`,
      gracefulStop: '5s',
    },
  },
  thresholds:
    variant === 'direct'
      ? {}
      : {
          http_req_failed: ['rate<0.001'],
          requests_unresolved: ['rate<0.001'],
          visitors_answered: [`count==${visitors}`],
          ...(settings.expectCompleted === 0
            ? {}
            : { orders_completed: [`count==${settings.expectCompleted}`] }),
        },
  discardResponseBodies: true,
  setupTimeout: '60s',
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
};

export function setup(): { readonly run: string } {
  prepareRoom();
  return { run: `surge-${Date.now()}` };
}

export default async function visit({ run }: { readonly run: string }): Promise<void> {
  const visitor = exec.vu.idInTest;
  sleep(Math.random() * settings.arrivalSeconds);
  const polls = visitor % 100 < settings.pollShare * 100;
  const story = beginStory(visitor, variant === 'direct' ? 'direct' : polls ? 'poll' : 'socket');
  try {
    if (variant === 'direct') shop(story, run, {});
    else await throughTheRoom(story, run, polls);
  } catch (error) {
    trouble(`script: ${String(error).slice(0, 80)}`);
    story.why = String(error);
  }
  story.endedAt = Date.now();
  if (troublesSoFar().length > 0) story.troubles = troublesSoFar();
  if (story.outcome !== 'unanswered') {
    steps.answered.add(1);
    arrivalToAnswer.add((story.acceptedAt ?? story.toldAt ?? story.endedAt) - story.arrivedAt);
  }
  console.log(JSON.stringify(story));
}

async function throughTheRoom(story: Story, run: string, polls: boolean): Promise<void> {
  const joined = join(!polls);
  if (joined.kind === 'failed') {
    story.why = joined.why;
    return;
  }
  story.joinedAt = Date.now();
  if (joined.kind === 'sold-out') {
    toldSoldOut(story, story.joinedAt);
    return;
  }
  steps.joined.add(1);
  story.position = joined.status.position;
  story.ticket = joined.ticket;
  const deadline = Date.now() + settings.patienceSeconds * 1_000;
  const waited = await wait(story, joined, polls, deadline);
  if (waited.kind === 'failed') {
    story.why = waited.why;
    trouble(waited.why);
    return;
  }
  if (waited.kind === 'sold-out') {
    toldSoldOut(story, waited.toldAt);
    return;
  }
  story.claimBy = waited.claimBy;
  story.toldAt = waited.toldAt;
  story.enteredAt = Date.now();
  admittedToTold.add(waited.toldAt - (waited.claimBy - settings.claimWindowSeconds * 1_000));
  steps.admitted.add(1);
  steps.entered.add(1);
  shop(story, run, { [entryHeader]: waited.entryToken });
  leave(joined.ticket);
}

function wait(
  story: Story,
  { ticket, status }: { readonly ticket: string; readonly status: Status },
  polls: boolean,
  deadline: number,
): Waited | Promise<Waited> {
  if (status.state === 'admitted') {
    const toldAt = Date.now();
    const entry = claim(ticket);
    return entry === undefined
      ? { kind: 'failed', why: 'claim' }
      : { kind: 'entry', entryToken: entry.entryToken, claimBy: status.claimBy ?? 0, toldAt };
  }
  return polls ? waitByPolling(ticket, status, deadline) : waitOnSocket(ticket, story, deadline);
}

function toldSoldOut(story: Story, at: number): void {
  steps.toldSoldOut.add(1);
  story.toldAt = at;
  story.outcome = 'told-sold-out';
}

/** Logs in (unless the token is there already), takes the units, pays. */
function shop(story: Story, run: string, pass: Pass): void {
  const accessToken = accessTokens?.[story.visitor - 1] ?? logIn(story.visitor, pass);
  if (accessToken === undefined) {
    story.why = 'log-in';
    return;
  }
  steps.loggedIn.add(1);
  const reserved = reserve(story.visitor, run, accessToken, pass);
  story.acceptedAt = Date.now();
  if (reserved.kind === 'failed') {
    story.why = reserved.why;
    return;
  }
  if (reserved.kind !== 'order') {
    steps.refused.add(1, { code: reserved.kind });
    story.outcome = reserved.kind;
    return;
  }
  steps.reserved.add(1);
  story.orderId = reserved.orderId;
  const paid = pay(reserved.orderId, accessToken);
  story.acceptedAt = Date.now();
  if (paid.kind === 'failed') {
    story.why = paid.why;
    return;
  }
  (paid.kind === 'completed' ? steps.completed : steps.declined).add(1);
  story.outcome = paid.kind;
}

export function teardown(): void {
  declinePayments(0);
}

export function handleSummary(data: Summary): Record<string, string> {
  return { [settings.summaryFile]: JSON.stringify(data, undefined, 2), [settings.reportFile]: report(data) };
}
