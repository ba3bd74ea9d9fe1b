import { setTimeout as delay } from 'node:timers/promises';
import type { Place } from '../../loadtest/check/admission-order.ts';
import { placesOf } from '../../loadtest/check/stories.ts';
import { RoomVisitor } from './room-visitor.ts';

export type CrowdOptions = {
  readonly visitors: number;
  /** They arrive evenly over this time. */
  readonly arriveMs: number;
  /** Every how-manieth one polls; the others hold a socket. */
  readonly pollsEvery: number;
};

const pollMs = 2_000;

/** Visitors of the demo room who arrive one after another, and what went wrong with any of them. */
export class Crowd {
  readonly visitors: readonly RoomVisitor[];
  readonly errors: unknown[] = [];
  readonly #options: CrowdOptions;

  constructor(gateway: string, options: CrowdOptions) {
    this.#options = options;
    this.visitors = Array.from({ length: options.visitors }, () => new RoomVisitor(gateway));
  }

  /** Begins the arrival; everybody waits, claims and is then content. */
  arrive(): this {
    const { arriveMs, pollsEvery } = this.#options;
    for (const [index, visitor] of this.visitors.entries()) {
      const polls = index % pollsEvery === 0;
      const visit = async (): Promise<void> => {
        await delay((index * arriveMs) / this.visitors.length);
        await visitor.join();
        if (polls) await visitor.poll(pollMs);
        else visitor.watch();
      };
      visit().catch((error: unknown) => this.errors.push(error));
    }
    return this;
  }

  get joined(): readonly RoomVisitor[] {
    return this.visitors.filter(({ answeredAt }) => answeredAt > 0);
  }

  get entered(): readonly RoomVisitor[] {
    return this.visitors.filter(({ entry }) => entry !== undefined);
  }

  places(): readonly Place[] {
    return placesOf(
      this.joined.map(({ ticket, askedAt, answeredAt }, index) => ({
        visitor: index,
        by: 'socket',
        ticket,
        arrivedAt: askedAt,
        joinedAt: answeredAt,
        reopened: 0,
        outcome: 'unanswered',
      })),
    );
  }

  /** Those who hold an open socket at the moment. */
  get connected(): readonly RoomVisitor[] {
    return this.visitors.filter(({ isConnected }) => isConnected);
  }

  stop(): void {
    for (const visitor of this.visitors) visitor.stop();
  }
}
