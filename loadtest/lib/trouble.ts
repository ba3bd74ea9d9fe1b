import { errors } from './numbers.ts';

/** What went wrong for this visitor. k6 gives each visitor a runtime of its own, so this list is the visitor's. */
const troubles: string[] = [];

/** Counts it, and keeps it for the visitor's story. */
export function trouble(kind: string): void {
  errors.add(1, { kind });
  troubles.push(kind);
}

export function troublesSoFar(): readonly string[] {
  return troubles;
}
