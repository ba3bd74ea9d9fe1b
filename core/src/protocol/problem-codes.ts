/**
 * Every error code that leaves a Ropeline process, with its HTTP status and title (RFC 9457).
 * Codes are part of the wire contract: documented in docs/protocol.md, never reused, never renamed.
 */
export const problemCodes = {
  // requests
  'bad-request': [400, 'The request is malformed'],
  'ambiguous-path': [400, 'The path can be read in more than one way'],
  'not-found': [404, 'There is nothing here'],
  'method-not-allowed': [405, 'This method is not allowed here'],
  'too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The content type is not supported'],
  'headers-too-large': [431, 'The request headers are too large'],
  'too-many-requests': [429, 'Too many requests'],
  'internal-error': [500, 'Something failed on our side'],
  unavailable: [503, 'Not available right now'],
  timeout: [503, 'The request took too long'],
  // waiting room
  'bad-ticket': [401, 'The place ticket is not valid'],
  'entry-required': [401, 'An entry token is required'],
  'entry-bound': [403, 'The entry belongs to another member'],
  'entry-wrong-room': [403, 'The entry is for another room'],
  'challenge-required': [403, 'A challenge must be solved first'],
  'cross-site': [403, 'Cross-site requests are refused'],
  'lane-not-allowed': [403, 'This lane needs a code'],
  blocked: [403, 'This visitor is blocked'],
  'unknown-room': [404, 'There is no such room'],
  'no-room': [404, 'No room matches this address'],
  'no-place': [404, 'There is no place'],
  'not-admitted': [409, 'It is not your turn yet'],
  'room-closed': [409, 'The room is closed'],
  'room-exists': [409, 'A room of this name exists'],
  'sold-out': [409, 'Sold out'],
  full: [409, 'The queue is full'],
  'turn-lapsed': [410, 'The turn was not taken in time'],
  'too-many-joins': [429, 'Too many joins'],
  'upgrade-not-supported': [501, 'Upgrades are not proxied'],
  'bad-gateway': [502, 'The site behind the room gave no valid answer'],
  'gateway-timeout': [504, 'The site behind the room did not answer in time'],
  // control plane
  'draw-not-ready': [409, 'The draw is not there yet'],
  'beacon-settled': [409, 'The beacon has another value already'],
  'token-required': [401, 'A valid bearer token is required'],
  'role-required': [403, 'This token may not do that'],
  conflict: [409, 'Somebody else changed it meanwhile'],
  // ticket service
  'login-required': [401, 'Log in first'],
  'wrong-credentials': [401, 'The id or the password is wrong'],
  'member-exists': [409, 'A member of this id exists'],
  'too-many-logins': [429, 'Too many wrong passwords'],
  busy: [503, 'Too many log-ins at once'],
  'unknown-offer': [404, 'There is no such offer'],
  'unknown-order': [404, 'There is no such order'],
  'idempotency-key-required': [400, 'An Idempotency-Key header is required'],
  'idempotency-mismatch': [422, 'The Idempotency-Key was used with another body'],
  'all-held': [409, 'Everything left is held by others right now'],
  taken: [409, 'Somebody else has it'],
  'limit-reached': [409, 'The limit is reached'],
  'coupon-closed': [409, 'The coupon is not issued now'],
  'wrong-state': [409, 'The order is in another state'],
  'bad-signature': [401, 'The signature is not valid'],
  'payment-declined': [402, 'The payment was declined'],
  'hold-expired': [410, 'The hold has expired'],
  'hold-lost': [410, 'The hold was lost'],
  'payment-unavailable': [503, 'Payments are not available right now'],
  'not-ready': [503, 'The stock is not ready'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof problemCodes;

/** RFC 9457 body. `code` is the stable word; further members are allowed. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail?: string;
  readonly [member: string]: unknown;
};

/** Builds the problem body of a code; `members` are added beside the standard ones. */
export function problem(code: ProblemCode, detail?: string, members?: Record<string, unknown>): Problem {
  const [status, title] = problemCodes[code];
  return {
    type: `urn:ropeline:problem:${code}`,
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
    ...members,
  };
}
