import { type Static, Type } from 'typebox';

/** What a visitor is told, by `join`, `status` and the socket. */
export const visitorStates = [
  'scheduled',
  'waiting',
  'admitted',
  'active',
  'ended',
  'lapsed',
  'abandoned',
  'left',
  'rejected',
  'revoked',
] as const;
export type VisitorState = (typeof visitorStates)[number];

export const roomStates = [
  'redis-away',
  'recovering',
  'closed',
  'sold-out',
  'drained',
  'paused',
  'stock-held',
  'scheduled',
  'prequeue',
  'open',
] as const;
export type RoomState = (typeof roomStates)[number];

/** Why a visitor waits or is out, or why a number changed. Stable words. */
export const reasons = [
  'sold-out',
  'stock-held',
  'closed',
  'paused',
  'drained',
  'full',
  'revoked',
  'left',
  'lapsed',
  'abandoned',
  'expired',
  'rate-changed',
  'capacity',
  'lapses',
  'line-changed',
  'redis-away',
  'recovering',
  'inside-unknown',
] as const;
export type Reason = (typeof reasons)[number];

const Nullable = <T extends import('typebox').TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const Eta = Type.Object({
  p50: Type.Integer({ minimum: 0, description: 'Seconds from now, median' }),
  p90: Type.Integer({ minimum: 0, description: 'Seconds from now, nine of ten are in by then' }),
});
export type Eta = Static<typeof Eta>;

export const Status = Type.Object({
  room: Type.String(),
  visitor: Type.String(),
  state: Type.Union(visitorStates.map((state) => Type.Literal(state))),
  lane: Type.String(),
  position: Nullable(Type.Integer({ minimum: 1 })),
  ahead: Nullable(Type.Integer({ minimum: 0 })),
  waiting: Nullable(Type.Integer({ minimum: 0 })),
  etaSeconds: Nullable(Eta),
  claimBy: Type.Optional(Type.Integer({ description: 'Unix ms' })),
  pollAfterMs: Type.Integer({ minimum: 0, maximum: 5_000 }),
  opensAt: Type.Optional(Type.Integer({ description: 'Unix ms' })),
  closesAt: Type.Optional(Type.Integer({ description: 'Unix ms' })),
  message: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
  place: Type.Optional(Type.String({ description: 'Place ticket; replace yours with it' })),
  serverTime: Type.Integer({ description: 'Unix ms' }),
});
export type Status = {
  readonly room: string;
  readonly visitor: string;
  readonly state: VisitorState;
  readonly lane: string;
  readonly position: number | null;
  readonly ahead: number | null;
  readonly waiting: number | null;
  readonly etaSeconds: Eta | null;
  readonly claimBy?: number;
  readonly pollAfterMs: number;
  readonly opensAt?: number;
  readonly closesAt?: number;
  readonly message?: string;
  readonly reason?: Reason;
  readonly place?: string;
  readonly serverTime: number;
};

export type Entry = {
  readonly entryToken: string;
  /** Unix ms. */
  readonly expiresAt: number;
  readonly target: string;
};

/** A lottery's draw, as far as it has come: whoever keeps the first two can check every place with the rest. */
export type PublicDraw = {
  /** SHA-256 of the seed's 32 bytes, hex; there before the first join. */
  readonly commitment: string;
  /** The public value that will be mixed in, named beforehand. */
  readonly beaconName?: string;
  /** How many are drawn; there with the hash of their list, once it is closed. */
  readonly participants?: number;
  readonly participantsHash?: string;
  /** The value of the beacon. */
  readonly beacon?: string;
  /** 32 bytes, hex; there when the draw is made. */
  readonly seed?: string;
};

export type PublicRoom = {
  readonly room: string;
  readonly state: RoomState;
  /** While the state is `redis-away`: what the room does without it. */
  readonly onFailure?: 'closed' | 'degraded' | 'open';
  /** While the state is `recovering`: `recovering` or `inside-unknown`, and until when nobody is admitted, Unix ms. */
  readonly reason?: Reason;
  readonly recoversAt?: number;
  readonly waiting: number;
  readonly ratePerMinute: number;
  readonly opensAt?: number;
  readonly closesAt?: number;
  readonly draw?: PublicDraw;
  readonly message?: string;
};
