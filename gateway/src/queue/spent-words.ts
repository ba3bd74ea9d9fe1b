/** A fact of the spent record as lua/read_spent.lua tells it and lua/restore_room.lua takes it. */
export type SpentWord =
  | {
      readonly kind: 'turn';
      readonly visitor: string;
      readonly turn: number;
      readonly lapses: number;
      /** Its name; `-` = not known. */
      readonly lane: string;
      readonly score: number;
      readonly stage: 'admitted' | 'active' | 'waits-again';
      /** Of the claim or the session, Unix ms of Redis. */
      readonly deadline: number;
    }
  | { readonly kind: 'exception'; readonly visitor: string; readonly lane: string; readonly score: number }
  | {
      readonly kind: 'over';
      readonly visitor: string;
      readonly reason: string;
      readonly lane: string;
      readonly score: number;
    }
  | { readonly kind: 'ended'; readonly visitor: string; readonly turn: number; readonly until: number };

const stageOf = { a: 'admitted', c: 'active', w: 'waits-again' } as const;

/** Throws for a word of no known kind: scripts and gateways are of one version. */
export function parseWord(text: string): SpentWord {
  const [letter = '', visitor = '', ...rest] = text.split(':');
  switch (letter) {
    case 'a':
    case 'c':
    case 'w': {
      const [turn, lapses, lane = '-', score, deadline] = rest;
      const numbers = { turn: Number(turn), lapses: Number(lapses), deadline: Number(deadline) };
      return { kind: 'turn', visitor, ...numbers, lane, score: Number(score), stage: stageOf[letter] };
    }
    case 'x': {
      const [lane = '-', score] = rest;
      return { kind: 'exception', visitor, lane, score: Number(score) };
    }
    case 'q': {
      const [reason = '', lane = '-', score = 0] = rest;
      return { kind: 'over', visitor, reason, lane, score: Number(score) };
    }
    case 'e': {
      const [turn, until] = rest;
      return { kind: 'ended', visitor, turn: Number(turn), until: Number(until) };
    }
    default:
      throw new Error(`unknown word ${letter}`);
  }
}
