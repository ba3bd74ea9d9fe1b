import { readFileSync } from 'node:fs';
import { startRopeline } from '../../e2e/support/start-ropeline.ts';
import type { Addresses } from '../../scripts/start/addresses.ts';

export type { Addresses } from '../../scripts/start/addresses.ts';

export type Stack = {
  readonly addresses: Addresses;
  readonly stop: () => Promise<void>;
};

/** A running installation that `npm start` described; nothing of it is stopped. */
export function useStack(file: string): Stack {
  return {
    // Decode boundary: written by scripts/start/addresses.ts.
    addresses: JSON.parse(readFileSync(file, 'utf8')) as Addresses,
    stop: () => Promise.resolve(),
  };
}

/** A whole Ropeline in a folder of its own that is deleted at the end, on free ports; ends with this process. */
export async function startStack(env: Record<string, string>): Promise<Stack> {
  const ropeline = await startRopeline({ env });
  return { addresses: ropeline.addresses, stop: () => ropeline.remove() };
}
