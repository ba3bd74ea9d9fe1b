import { type Variant, variants } from './variant.ts';

const text = (name: string, fallback: string): string => __ENV[name] || fallback;

function number(name: string, fallback: number): number {
  const value = Number(text(name, String(fallback)));
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} must be a number, 0 or above`);
  return value;
}

const variant = text('VARIANT', 'surge') as Variant;
if (!variants.includes(variant)) throw new Error(`VARIANT must be one of ${variants.join(', ')}`);
const base = text('BASE_URL', 'http://127.0.0.1:8080');
const room = text('ROOM', 'demo');

/** What a run is made of. Every value is set by loadtest/run.ts; the defaults are those of `npm start`. */
export const settings = {
  variant,
  base,
  room,
  /** Prefix of the room's own calls. */
  roomUrl: `${base}/_ropeline/rooms/${room}`,
  liveUrl: `${base.replace(/^http/, 'ws')}/_ropeline/rooms/${room}/live`,
  control: text('CONTROL_URL', 'http://127.0.0.1:8090'),
  payment: text('PAYMENT_URL', 'http://127.0.0.1:8082'),
  operatorToken: text('OPERATOR_TOKEN', ''),
  visitors: number('VUS', 9_000),
  arrivalSeconds: number('ARRIVAL_SECONDS', 10),
  ratePerMinute: number('RATE_PER_MINUTE', variant === 'logged-in' ? 18_000 : 1_200),
  capacity: number('CAPACITY', 10_000),
  /** The room's claim window: `claimBy` less this is the moment of the admission. */
  claimWindowSeconds: number('CLAIM_WINDOW_SECONDS', 60),
  /** Share of visitors without a socket, who ask for their status instead. */
  pollShare: number('POLL_SHARE', 0.2),
  declineShare: number('DECLINE_SHARE', 0.2),
  offerId: number('OFFER_ID', 1),
  quantity: number('QUANTITY', 1),
  /** JSON array of access tokens, one a visitor. */
  tokensFile: text('TOKENS_FILE', ''),
  /** Orders that must be COMPLETED at the end; 0 = the crowd is too small to sell everything. */
  expectCompleted: number('EXPECT_COMPLETED', 0),
  /** Until a visitor without an answer gives up. */
  patienceSeconds: number('PATIENCE_SECONDS', 300),
  /** Until one request that is told "later" gives up. */
  retrySeconds: number('RETRY_SECONDS', 60),
  summaryFile: text('SUMMARY_FILE', 'surge-summary.json'),
  reportFile: text('REPORT_FILE', 'surge-report.txt'),
} as const;
