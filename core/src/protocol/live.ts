import { type Static, Type } from 'typebox';
import type { Entry, Eta, Reason, RoomState, Status } from './status.ts';

/** WebSocket messages of `ropeline.v1`: JSON text frames, `type` first. */
export type ServerMessage =
  | ({ readonly type: 'status' } & Status)
  | {
      readonly type: 'tick';
      readonly position: number | null;
      readonly ahead: number | null;
      readonly waiting: number | null;
      readonly etaSeconds: Eta | null;
      readonly reason?: Reason;
      readonly serverTime: number;
    }
  | { readonly type: 'admitted'; readonly claimBy: number }
  | ({ readonly type: 'entry' } & Entry)
  | { readonly type: 'message'; readonly text: string }
  | { readonly type: 'state'; readonly state: RoomState; readonly reason?: Reason };

export const ClientMessage = Type.Union([
  Type.Object({ type: Type.Literal('claim'), to: Type.Optional(Type.String({ maxLength: 2_048 })) }),
  Type.Object({ type: Type.Literal('leave') }),
  Type.Object({ type: Type.Literal('here') }),
]);
export type ClientMessage = Static<typeof ClientMessage>;

/** Close codes: below 4500 come back after `retryAfterMs`, from 4500 do not. */
export const closeCodes = {
  'come-back': 4000,
  unavailable: 4001,
  'no-place': 4501,
  'bad-ticket': 4502,
  'place-over': 4503,
  'unknown-room': 4504,
  'cross-site': 4505,
  'bad-message': 4506,
} as const;
export type CloseCode = keyof typeof closeCodes;
