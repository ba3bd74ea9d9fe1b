/** Names of the wire contract that browsers, the gateway and the ticket service share. */
export const entryHeader = 'x-ropeline-entry';
export const entryCookie = (room: string): string => `ropeline_entry_${room}`;
export const placeCookie = 'ropeline_place';
export const testCookie = 'ropeline_test';
export const liveSubprotocol = 'ropeline.v1';
export const ticketSubprotocolPrefix = 'ropeline.ticket.';
export const ownPrefix = '/_ropeline/';

/** Claims of an entry token (Ed25519 JWT). Times are Unix seconds, as in every JWT. */
export type EntryClaims = {
  readonly iss: string;
  /** Room. */
  readonly aud: string;
  /** Visitor. */
  readonly sub: string;
  /** `<visitor>.<turn number>` */
  readonly jti: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly lane: string;
};
