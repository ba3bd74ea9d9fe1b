import type { Broadcast, RoomEvent } from '../../src/queue/broadcast.ts';
import type { Happening, Rules } from './happenings.ts';

type Noted = { readonly sequence: number; readonly order: number; readonly happening: Happening };

/**
 * Puts what the broadcast told and what calls were answered into the order in which Redis did it: by the number of
 * the write.
 */
export class History {
  readonly #weights: Readonly<Record<string, number>>;
  readonly #noted: Noted[] = [];
  readonly #laneOf = new Map<string, string>();

  constructor(weights: Readonly<Record<string, number>>) {
    this.#weights = weights;
  }

  get happenings(): readonly Happening[] {
    return this.#noted
      .toSorted((a, b) => a.sequence - b.sequence || a.order - b.order)
      .map(({ happening }) => happening);
  }

  count(type: Happening['type']): number {
    return this.#noted.filter(({ happening }) => happening.type === type).length;
  }

  /** `order`: below 0 before what the broadcast of the same write tells, above it after. */
  add(sequence: number, order: number, happening: Happening): void {
    this.#noted.push({ sequence, order, happening });
  }

  rules(sequence: number, at: number, rules: Omit<Rules, 'type' | 'at' | 'weights'>): void {
    this.add(sequence, -1, { type: 'rules', at, ...rules, weights: this.#weights });
  }

  waits(sequence: number, at: number, visitor: string, lane: string, score: number): void {
    this.#laneOf.set(visitor, lane);
    this.add(sequence, -1, { type: 'waits', at, visitor, lane, score });
  }

  hear({ events, now, sequence }: Broadcast): void {
    for (const happening of events.flatMap((event) => this.#happeningsOf(event, now)))
      this.add(sequence, 0, happening);
  }

  #happeningsOf(event: RoomEvent, at: number): readonly Happening[] {
    switch (event.type) {
      case 'admitted':
        return [{ type: 'admitted', at, visitor: event.visitor, turn: event.turn }];
      case 'active':
        return [{ type: 'claimed', at, visitor: event.visitor, turn: event.turn }];
      case 'waits-again': {
        const { visitor, score } = event;
        const lane = this.#laneOf.get(visitor) ?? '';
        return [
          { type: 'lapsed', at, visitor },
          { type: 'waits', at, visitor, lane, score },
        ];
      }
      case 'lapsed':
        return [{ type: 'lapsed', at, visitor: event.visitor }];
      case 'abandoned':
        return [{ type: 'away', at, visitor: event.visitor }];
      case 'ended':
      case 'out':
        return [{ type: 'out', at, visitor: event.visitor }];
      default:
        return [];
    }
  }
}
