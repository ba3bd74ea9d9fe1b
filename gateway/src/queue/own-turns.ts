/** Turns that a gateway gives by itself have numbers from here on; the counter of Redis never comes so far. */
const first = 2 ** 50;
const perRun = 2 ** 32;

/**
 * Numbers of the turns that a gateway gives while Redis is away. They can be none of Redis', whatever Redis has given
 * meanwhile, and each tells its run, so that a reset ends them too; two gateways cannot meet in one but by a chance of
 * 2^-32 and for the same visitor. Integers below 2^53.
 */
export class OwnTurns {
  #last = Math.floor(Math.random() * perRun);

  next(run: number): number {
    this.#last = (this.#last + 1) % perRun;
    return first + (run % 2 ** 18) * perRun + this.#last;
  }
}

export function isOwnTurn(turn: number): boolean {
  return turn >= first;
}

/** Whether a turn was given in another run than `run`; undefined for one that Redis gave. */
export function isOfOtherRun(turn: number, run: number): boolean | undefined {
  if (!isOwnTurn(turn)) return undefined;
  return Math.floor((turn - first) / perRun) !== run % 2 ** 18;
}
