import { Upstream } from './proxy.ts';

type Options = {
  /** Origin for rooms that name none. */
  readonly fallback: string;
  readonly connections: number;
  readonly onError: (error: unknown, where: string) => void;
};

/** One bounded pool per upstream origin, made when it is first needed. */
export class Upstreams {
  readonly #options: Options;
  readonly #byOrigin = new Map<string, Upstream>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** The pool of a room's upstream; rooms that name none share the fallback. */
  of(origin: string | undefined): Upstream {
    const { fallback, connections, onError } = this.#options;
    const key = origin ?? fallback;
    const known = this.#byOrigin.get(key);
    if (known !== undefined) return known;
    const made = new Upstream(key, { connections, onError });
    this.#byOrigin.set(key, made);
    return made;
  }

  get running(): number {
    let sum = 0;
    for (const upstream of this.#byOrigin.values()) sum += upstream.running;
    return sum;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byOrigin.values()].map((upstream) => upstream.close()));
  }
}
