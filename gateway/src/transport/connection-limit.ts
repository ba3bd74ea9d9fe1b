import { readFileSync } from 'node:fs';

/** Kept for the upstream pool, Redis, files and the control plane. */
const reserveShare = 0.1;

/**
 * How many client connections this process may hold. At the descriptor limit uWebSockets.js spins in accept at
 * full CPU, so the cap stays well below it.
 */
export function connectionLimit(limits = ownLimits()): number {
  const open = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  const descriptors = open === undefined ? 1_024 : Number(open);
  return Math.max(16, Math.floor(descriptors - Math.max(128, descriptors * reserveShare)));
}

/** Empty where there is no /proc. */
function ownLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
