import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

const Name = Type.String({ pattern: '^[a-z0-9-]{1,40}$' });
const closed = { additionalProperties: false } as const;

export const Lane = Type.Object({ name: Name, weight: Type.Integer({ minimum: 1, maximum: 1_000 }) }, closed);

/**
 * Every part that is present must match; a list matches by any of its entries. Crawlers are told by their User-Agent,
 * which anybody can write: allow them nothing that needs a turn.
 */
export const BypassRule = Type.Object(
  {
    methods: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Z]+$' }))),
    paths: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 500, description: 'Glob; * = any characters' })),
    ),
    addresses: Type.Optional(Type.Array(Type.String({ description: 'Address or CIDR' }))),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String({ description: 'Glob of the value; * = any characters' })),
    ),
    crawlers: Type.Optional(Type.Boolean({ description: 'Matches the user agents of well-known crawlers' })),
    allow: Type.Boolean(),
  },
  closed,
);
export type BypassRule = Static<typeof BypassRule>;

const Time = Type.Integer({ minimum: 0, maximum: 4_102_444_800_000, description: 'Unix ms' });

/** The rules of a room, all of them; what an operator leaves out has its default ({@link defaultRules}). */
export const RoomRules = Type.Object(
  {
    admission: Type.Object(
      {
        ratePerMinute: Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Admissions a minute' }),
        burst: Type.Integer({ minimum: 0, maximum: 100_000, description: 'Tokens the bucket may keep' }),
        capacity: Type.Integer({
          minimum: 0,
          maximum: 10_000_000,
          description: 'Most admitted + active at once',
        }),
      },
      closed,
    ),
    queue: Type.Object(
      {
        method: Type.Union(
          [
            Type.Literal('fifo'),
            Type.Literal('lottery'),
            Type.Literal('passthrough'),
            Type.Literal('reject'),
          ],
          {
            description:
              'fifo = by arrival; lottery = who joins before the opening is drawn; passthrough = everybody is let in and counted; reject = closed',
          },
        ),
        beacon: Type.String({
          maxLength: 200,
          pattern: '^[^\\u0000-\\u001f\\u007f]*$',
          description:
            'Lottery: names the public value that is mixed into the draw, such as "drand round 4,123,456"; empty = none. Cannot be changed once somebody has joined',
        }),
        alwaysOn: Type.Boolean({ description: 'Queue everybody, also when idle' }),
        inviteOnly: Type.Boolean({ description: 'Only who shows a code gets a place' }),
        threshold: Type.Object(
          {
            ratePerMinute: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
            active: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
          },
          closed,
        ),
        maxWaiting: Type.Integer({ minimum: 0, maximum: 100_000_000, description: '0 = no bound' }),
      },
      closed,
    ),
    schedule: Type.Object(
      { prequeueAt: Type.Optional(Time), opensAt: Type.Optional(Time), closesAt: Type.Optional(Time) },
      closed,
    ),
    claim: Type.Object(
      {
        windowSeconds: Type.Integer({ minimum: 5, maximum: 86_400 }),
        confirm: Type.Union([Type.Literal('auto'), Type.Literal('click')]),
        lapsesAllowed: Type.Integer({
          minimum: 0,
          maximum: 10,
          description: 'Lapses before the place is lost',
        }),
      },
      closed,
    ),
    session: Type.Object(
      { ttlSeconds: Type.Integer({ minimum: 10, maximum: 86_400 }), renew: Type.Boolean() },
      closed,
    ),
    presence: Type.Object(
      {
        graceSeconds: Type.Integer({
          minimum: 5,
          maximum: 86_400,
          description: 'After the loss of a socket',
        }),
        leaseSeconds: Type.Integer({
          minimum: 10,
          maximum: 3_600,
          description: 'Of pollers and new joiners',
        }),
      },
      closed,
    ),
    lanes: Type.Array(Lane, { minItems: 1, maxItems: 16 }),
    match: Type.Object(
      {
        hosts: Type.Array(Type.String({ minLength: 1, maxLength: 253 })),
        paths: Type.Array(Type.String({ pattern: '^/' })),
      },
      closed,
    ),
    bypass: Type.Array(BypassRule, { maxItems: 100 }),
    upstream: Type.Optional(
      Type.String({ pattern: '^https?://[^/]+/?$', description: 'Origin of the site' }),
    ),
    stock: Type.Object({ follow: Type.Boolean({ description: "Obey the upstream's stock signal" }) }, closed),
    onFailure: Type.Union([Type.Literal('closed'), Type.Literal('degraded'), Type.Literal('open')], {
      description:
        'While Redis is away: closed = nobody is let in; degraded = each gateway lets in its share of the last rate and capacity; open = everybody is let in',
    }),
    page: Type.Object({ message: Type.String({ maxLength: 500 }) }, closed),
  },
  closed,
);
export type RoomRules = Static<typeof RoomRules>;

export const defaultRules: RoomRules = {
  admission: { ratePerMinute: 60, burst: 0, capacity: 1_000 },
  queue: { method: 'fifo', beacon: '', alwaysOn: false, inviteOnly: false, threshold: {}, maxWaiting: 0 },
  schedule: {},
  claim: { windowSeconds: 60, confirm: 'auto', lapsesAllowed: 0 },
  session: { ttlSeconds: 600, renew: true },
  presence: { graceSeconds: 60, leaseSeconds: 30 },
  lanes: [{ name: 'standard', weight: 1 }],
  match: { hosts: [], paths: [] },
  bypass: [],
  stock: { follow: false },
  onFailure: 'closed',
  page: { message: '' },
};

export type RuleProblem = { readonly path: string; readonly message: string };

type PlainObject = Record<string, unknown>;
const isObject = (value: unknown): value is PlainObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Merges nested rules; `null` takes a value back to its default (or out, where it has none). */
export function mergeRules(base: RoomRules, patch: unknown): unknown {
  return merge(base as unknown as PlainObject, patch, defaultRules as unknown as PlainObject);
}

function merge(base: PlainObject, patch: unknown, fallback: PlainObject | undefined): unknown {
  if (!isObject(patch)) return patch;
  const merged: PlainObject = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    const below = fallback?.[key];
    if (value === null) {
      if (below === undefined) delete merged[key];
      else merged[key] = below;
    } else if (isObject(value) && isObject(merged[key])) {
      merged[key] = merge(merged[key], value, isObject(below) ? below : undefined);
    } else {
      merged[key] = value;
    }
  }
  return merged;
}

/** Checks a whole set of rules: the schema, then what spans fields. */
export function checkRules(rules: unknown): readonly RuleProblem[] {
  const problems = Value.Errors(RoomRules, rules).map((error) => ({
    path: error.instancePath.slice(1).replaceAll('/', '.') || 'rules',
    message: error.message,
  }));
  if (problems.length > 0) return problems;
  const { schedule, lanes } = rules as RoomRules;
  const names = new Set(lanes.map((lane) => lane.name));
  if (names.size < lanes.length) problems.push({ path: 'lanes', message: 'must have different names' });
  if ((schedule.prequeueAt ?? 0) > (schedule.opensAt ?? schedule.prequeueAt ?? 0)) {
    problems.push({ path: 'schedule.prequeueAt', message: 'must not be after opensAt' });
  }
  if (schedule.closesAt !== undefined && schedule.closesAt <= (schedule.opensAt ?? 0)) {
    problems.push({ path: 'schedule.closesAt', message: 'must be after opensAt' });
  }
  return problems;
}
