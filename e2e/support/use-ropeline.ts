import { afterAll, beforeAll } from 'vitest';
import { type Ropeline, startRopeline } from './start-ropeline.ts';

/** One running Ropeline for all tests of a file. Call it at the top; what it returns gives the running one. */
export function useRopeline(env: Record<string, string> = {}): () => Ropeline {
  let ropeline: Ropeline | undefined;
  beforeAll(async () => {
    ropeline = await startRopeline({ env });
  });
  afterAll(() => ropeline?.remove());
  return () => {
    if (ropeline === undefined) throw new Error('nothing was started');
    return ropeline;
  };
}
