import { type Algorithm, hash, verify } from '@node-rs/argon2';
import type { WorkQueue } from './work-queue.ts';

// OWASP's minimum for argon2id: 19 MiB, two passes, one lane. Algorithm is a const enum, which Node cannot strip.
const argon2id = 2 as Algorithm.Argon2id;
const cost = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Of a random text that nobody knows: an unknown id is checked against it and takes as long as a known one. */
const nobodysHash =
  '$argon2id$v=19$m=19456,t=2,p=1$YZcEMMXZsyHj57uIVZezRQ$3EbZ6K2AnLTpL1z9pgQzCPJVIU1+QRPaK+7EidhWjYo';

/** Hashes and checks passwords, a few at a time (8 ms of a core and 19 MiB each). */
export class Passwords {
  readonly #queue: WorkQueue;

  constructor(queue: WorkQueue) {
    this.#queue = queue;
  }

  /** Throws 503 `busy`. */
  hash(password: string): Promise<string> {
    return this.#queue.run(() => hash(password, cost));
  }

  /** False without a hash too, after the same time. */
  async matches(hashed: string | null | undefined, password: string): Promise<boolean> {
    const same = await verify(hashed ?? nobodysHash, password);
    return same && hashed != null;
  }

  /** Runs a check in the queue that bounds all hashing. Throws 503 `busy`. */
  inTurn<T>(check: () => Promise<T>): Promise<T> {
    return this.#queue.run(check);
  }
}
