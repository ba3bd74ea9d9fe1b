/**
 * What happened in a room, in the order in which Redis did it; times are its Unix ms. `waits` is a visitor who takes
 * a place or comes back to it, `away` one who was struck for absence, `out` whoever left the queue, a turn or a
 * session. `rules` counts until the next; `serves` is false while nobody may be admitted (paused, closed, settling).
 * `tick` is the end of one that worked: what it could give it has given.
 */
export type Happening =
  | {
      readonly type: 'rules';
      readonly at: number;
      readonly ratePerMinute: number;
      readonly burst: number;
      readonly capacity: number;
      readonly serves?: boolean;
      /** Weights of the lanes by name; absent = they are not judged. */
      readonly weights?: Readonly<Record<string, number>>;
    }
  | {
      readonly type: 'waits';
      readonly at: number;
      readonly visitor: string;
      readonly lane: string;
      readonly score: number;
    }
  | { readonly type: 'admitted'; readonly at: number; readonly visitor: string; readonly turn: number }
  | { readonly type: 'claimed'; readonly at: number; readonly visitor: string; readonly turn: number }
  | { readonly type: 'lapsed'; readonly at: number; readonly visitor: string }
  | { readonly type: 'away'; readonly at: number; readonly visitor: string }
  | { readonly type: 'out'; readonly at: number; readonly visitor: string }
  | { readonly type: 'tick'; readonly at: number };

export type Rules = Extract<Happening, { readonly type: 'rules' }>;

/** B of guarantee 1: what may lie in the bucket. */
export function boundOf({ burst, ratePerMinute }: Rules): number {
  return Math.max(burst, 1 + ratePerMinute / 600);
}
