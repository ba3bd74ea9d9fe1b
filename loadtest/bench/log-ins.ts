import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { percentile } from './lib/percentile.ts';
import { table } from './lib/rounds.ts';
import { startShop } from './lib/shop.ts';

/**
 * A storm: 9,000 members log in at the same moment, each on a connection of its own. A check costs 8 ms of a core, so
 * most are told to come back; the goal is that all are told something, soon, and that the service stands afterwards.
 * Service and storm share two cores.
 */
const members = 9_000;
const goals = { p99Ms: 10_000, grownMiB: 256 };
const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });

type Answer = { readonly status: number; readonly ms: number; readonly retryAfter: boolean };

const shop = await startShop();
try {
  process.exitCode = await storm();
} finally {
  await shop.stop();
}

async function storm(): Promise<number> {
  const pid = shop.service.process.pid as number;
  // The first log-in loads what all of them use.
  const alone = await logIn(1);
  const before = residentMiB(pid, 'VmRSS');
  shop.service.reset();
  const answers = await Promise.all(Array.from({ length: members }, (_, at) => logIn(at + 1)));
  const { loopMaxMs } = await shop.service.look();
  const peak = residentMiB(pid, 'VmHWM');
  const after = await logIn(2);
  const of = (status: number): readonly Answer[] => answers.filter((answer) => answer.status === status);
  const [welcome, told] = [of(200), of(503).filter(({ retryAfter }) => retryAfter)];
  const lost = members - welcome.length - told.length;
  const times = answers.map(({ ms }) => ms);
  const p99 = percentile(times, 0.99);
  const rows = [
    ['9,000 log-ins at once', 'found', 'goal'],
    ['logged in', String(welcome.length), ''],
    ['told to come back (503 with Retry-After)', share(told.length), ''],
    ['lost, or told anything else', String(lost), '0'],
    ['answer p50, ms', percentile(times, 0.5).toFixed(0), ''],
    ['answer p99, ms', p99.toFixed(0), `<= ${goals.p99Ms}`],
    ['longest answer, ms', percentile(times, 1).toFixed(0), ''],
    ['longest turn of the event loop, ms', loopMaxMs.toFixed(0), ''],
    ['memory of the service before, MiB', before.toFixed(0), ''],
    ['at its peak, MiB', peak.toFixed(0), `<= ${goals.grownMiB} more`],
    ['a log-in before the storm, ms', alone.ms.toFixed(0), ''],
    ['a log-in right after it, ms', after.ms.toFixed(0), ''],
  ];
  console.log(table(rows));
  const stands = lost === 0 && welcome.length > 0 && after.status === 200;
  return stands && p99 <= goals.p99Ms && peak - before <= goals.grownMiB ? 0 : 1;
}

function share(count: number): string {
  return `${count} (${((100 * count) / members).toFixed(1)} %)`;
}

function logIn(member: number): Promise<Answer> {
  const began = performance.now();
  const body = JSON.stringify({ id: `testuser${member}`, password: 'qwer1234' });
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  return new Promise((resolve) => {
    const end = (status: number, retryAfter = false): void =>
      resolve({ status, retryAfter, ms: performance.now() - began });
    const asked = request(`${shop.url}/api/sessions`, { method: 'POST', headers, agent }, (response) => {
      response.resume();
      response.once('end', () => end(response.statusCode ?? 0, 'retry-after' in response.headers));
      response.once('error', () => end(0));
    });
    asked.once('error', () => end(0));
    asked.end(body);
  });
}

/** As the kernel counts: what is resident now, or was at most. */
function residentMiB(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1_024;
}
