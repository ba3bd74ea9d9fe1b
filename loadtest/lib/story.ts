/**
 * How it ended for a visitor. All but `unanswered` are answers:
 * `completed` and `declined` (paid or refused by the bank), `sold-out` and `all-held` (told at the reserve),
 * `told-sold-out` (told while waiting), `unanswered` (no answer, or gave up).
 */
export type Outcome = 'completed' | 'declined' | 'sold-out' | 'all-held' | 'told-sold-out' | 'unanswered';

/**
 * What one visitor saw, printed as one JSON line at the end (k6 writes these to a file of their own). The checker
 * holds it against Redis and Postgres. Times are Unix ms: of this machine, but `claimBy`, which is the room's.
 */
export type Story = {
  readonly visitor: number;
  readonly by: 'socket' | 'poll' | 'direct';
  arrivedAt: number;
  joinedAt?: number;
  position?: number | null;
  /** The place ticket; its score is the place in the room's own numbers. */
  ticket?: string;
  claimBy?: number;
  /** The visitor knew of the turn, or that all is sold. */
  toldAt?: number;
  enteredAt?: number;
  orderId?: string;
  /** Last answer about the order (the reserve's, then the payment's): the moment of its acceptance. */
  acceptedAt?: number;
  endedAt?: number;
  reopened: number;
  /** What went wrong on the way, whether or not a retry mended it. */
  troubles?: readonly string[];
  outcome: Outcome;
  why?: string;
};

export function beginStory(visitor: number, by: Story['by']): Story {
  return { visitor, by, arrivedAt: Date.now(), reopened: 0, outcome: 'unanswered' };
}
