import { randomBytes } from 'node:crypto';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import type { Logger } from '@ropeline/core/log.ts';
import type { Draw } from './draw.ts';
import { commitmentOf, drawKey, drawnScore, ParticipantsHash } from './draw-score.ts';
import type { DrawStep, Participant } from './draw-scripts.ts';
import { type DrawPhase, type DrawState, knowsMore, noDraw } from './draw-state.ts';
import { EpochLost, type QueueEngine } from './engine.ts';
import type { RoomCursor } from './room-cursor.ts';

/** Scores of one step: some 3 ms here, 5 ms of Redis. */
const scoresAStep = 500;
const membersAPage = 5_000;
/** While the list is counted the lease (3 s) is renewed every so many pages. */
const pagesALease = 20;
const pauseMs = 300;

type Options = {
  readonly engine: QueueEngine;
  readonly cursor: RoomCursor;
  readonly draw: Draw;
  /** Of this process, unlike any other's. */
  readonly gatewayId: string;
  readonly log: Logger;
  readonly isLottery: () => boolean;
  readonly phase: () => DrawPhase;
  readonly onLost: (error: EpochLost) => Promise<void>;
};

/**
 * What a gateway does for its room's draw: gives the run a seed, and once the list of participants is closed counts it
 * and works out the scores, as the scripts say is to be done next. Every gateway is ready to; the one that holds the
 * lease in Redis works, and where it stops another goes on.
 */
export class DrawWork {
  readonly #options: Options;
  #running = false;
  #stopped = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * A lottery whose run has no seed gets one, and a Redis that knows less of the run's draw than this gateway did
   * (`before`) is told. Whether anything was written, so that the room must be read again.
   */
  async seal(before: DrawState): Promise<boolean> {
    const { engine, cursor, draw, isLottery } = this.#options;
    const { state } = draw;
    const known = knowsMore(before, state) ? before : state;
    if (known === state && (state.seed !== undefined || !isLottery())) return false;
    // Made here and never replaced within the run: nobody can look at the visitors first and choose.
    const seed = known.seed ?? randomBytes(32).toString('hex');
    const commitment = known.commitment ?? commitmentOf(seed);
    return engine.draw.seal(cursor, { ...(known === before ? before : noDraw), seed, commitment });
  }

  /** To be called whenever the draw may have moved on. */
  kick(): void {
    if (this.#running || this.#stopped || !this.#isDue()) return;
    this.#running = true;
    this.#run()
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'the draw stands still here'))
      .finally(() => {
        this.#running = false;
      });
  }

  stop(): void {
    this.#stopped = true;
  }

  #isDue(): boolean {
    const phase = this.#options.phase();
    return !this.#stopped && (phase === 'counting' || phase === 'drawing');
  }

  async #run(): Promise<void> {
    let done: Done = nothing;
    while (this.#isDue()) {
      const step = await this.#advance(done);
      done = nothing;
      if (step === undefined) continue;
      switch (step.next) {
        case 'done':
        case 'beacon':
          // The broadcast wakes this up again.
          return;
        case 'busy':
          await delay(pauseMs);
          break;
        case 'count':
          done = { hash: await this.#count(), scores: [] };
          break;
        case 'draw':
          done = { hash: undefined, scores: scoresOf(step) };
          break;
        default:
          step.next satisfies never;
      }
      await turn();
    }
  }

  /** Undefined when it failed: what was to be written follows from what Redis says next. */
  async #advance({ hash, scores }: Done): Promise<DrawStep | undefined> {
    const { engine, cursor, gatewayId, log, onLost } = this.#options;
    try {
      return await engine.draw.advance(cursor, { gateway: gatewayId, hash, scores, most: scoresAStep });
    } catch (error) {
      if (error instanceof EpochLost) await onLost(error).catch(() => undefined);
      log.debug({ err: error }, 'a step of the draw failed');
      await delay(pauseMs);
      return undefined;
    }
  }

  /** The hash of the list, which no longer changes; undefined when it could not be read to its end. */
  async #count(): Promise<string | undefined> {
    const { engine, cursor } = this.#options;
    const hash = new ParticipantsHash();
    for (let page = 0; !this.#stopped; page += 1) {
      const from = page * membersAPage;
      const some = await engine.draw.participants(cursor, from, membersAPage).catch(() => undefined);
      if (some === undefined) return undefined;
      hash.add(some.map(({ member }) => member));
      if (some.length < membersAPage) return hash.hex();
      if (page % pagesALease === pagesALease - 1 && (await this.#advance(nothing)) === undefined)
        return undefined;
      await turn();
    }
    return undefined;
  }
}

type Done = { readonly hash: string | undefined; readonly scores: readonly Participant[] };
const nothing: Done = { hash: undefined, scores: [] };

function scoresOf({ seed, beacon, members }: DrawStep): Participant[] {
  const key = drawKey(seed, beacon);
  return members.map((member) => {
    const visitor = member.slice(member.indexOf(':') + 1);
    return { member, score: drawnScore(key, visitor) };
  });
}
