import { AppError } from '@ropeline/core/errors.ts';
import { ask } from '../queue/ask.ts';
import type { ChangeOutcome, RoomChange } from '../queue/engine.ts';
import type { LiveRoom } from '../queue/live-room.ts';
import { type Flags, flagFields } from '../queue/room-state.ts';
import { changedFields } from '../queue/rule-fields.ts';
import { mergeRules, type RoomRules } from '../queue/rules.ts';
import { checkRoom } from './check-room.ts';

/** Who changes a room and why, for its audit. */
export type Change = { readonly author: string; readonly reason: string };

const mostAttempts = 5;

/**
 * Merges a patch into the room's rules and writes the fields that differ; the room knows it when this resolves.
 * `expected` is the version that the caller has seen, 0 = any. Throws `bad-request` with all `problems`, `conflict`
 * when the version is another one (then with `version`) or a lane to be removed is occupied, `unavailable`.
 *
 * The rules are checked as a whole, so they are written only over the version that they were merged with; who did
 * not name one is merged anew when somebody else was quicker.
 */
export async function patchRules(
  room: LiveRoom,
  patch: unknown,
  expected: number,
  change: Change,
): Promise<void> {
  for (let attempt = 1; attempt <= mostAttempts; attempt += 1) {
    await ask(room, () => room.refresh());
    if (expected > 0 && expected !== room.version) throw otherVersion(room.version);
    const before = room.rules;
    const after = mergedRules(before, patch);
    const fields = changedFields(before, after);
    if (fields.length === 0) return;
    const outcome = await apply(room, {
      ...change,
      action: 'patch',
      fields,
      expectedVersion: room.version,
      removedLanes: removedLanes(before, after),
    });
    if ('version' in outcome) return;
    if ('occupied' in outcome) throw occupied(removedLanes(before, after));
    if ('beaconSettled' in outcome) throw beaconSettled();
  }
  throw otherVersion(room.version);
}

/** Sets and clears flags; the room knows it when this resolves. Setting one that is set is audited too. */
export async function changeFlags(
  room: LiveRoom,
  action: string,
  flags: Partial<Flags>,
  change: Change,
): Promise<void> {
  const fields = Object.entries(flags).map(
    ([flag, raised]) => [flagFields[flag as keyof Flags], raised ? '1' : '0'] as const,
  );
  await apply(room, { ...change, action, fields, expectedVersion: 0 });
}

/** Begins a new run: queue, turns, sessions and flags are gone, rules stay, tickets of before mean nothing. */
export async function resetRoom(room: LiveRoom, { author, reason }: Change): Promise<void> {
  const { version } = room;
  await ask(room, () => room.engine.reset(room.cursor, author, reason));
  await untilKnown(room, version + 1);
}

/** Throws `bad-request` with all problems. */
export function mergedRules(base: RoomRules, patch: unknown): RoomRules {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    throw badRules([{ path: 'rules', message: 'must be an object' }]);
  }
  const rules = mergeRules(base, patch);
  const problems = checkRoom(rules);
  if (problems.length > 0) throw badRules(problems);
  return rules as RoomRules;
}

async function apply(room: LiveRoom, change: RoomChange): Promise<ChangeOutcome> {
  const outcome = await ask(room, () => room.engine.change(room.cursor, change));
  if ('version' in outcome) await untilKnown(room, outcome.version);
  return outcome;
}

/** A reading that was under way when the change was made may still show what was before: then reads once more. */
export async function untilKnown(room: LiveRoom, version: number): Promise<void> {
  for (let reading = 0; reading < 2 && room.version < version; reading += 1) {
    await ask(room, () => room.refresh());
  }
  // A lottery is given its seed by whoever reads it first: its commitment is public when the operator is answered.
  if (room.rules.queue.method === 'lottery' && room.draw.state.seed === undefined)
    await ask(room, () => room.refresh());
}

function removedLanes(before: RoomRules, after: RoomRules): readonly string[] {
  const kept = new Set(after.lanes.map(({ name }) => name));
  return before.lanes.flatMap(({ name }) => (kept.has(name) ? [] : [name]));
}

function badRules(problems: readonly { readonly path: string; readonly message: string }[]): AppError {
  const detail = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new AppError('bad-request', { detail, members: { problems } });
}

function otherVersion(version: number): AppError {
  return new AppError('conflict', { detail: `The room is at version ${version}`, members: { version } });
}

function beaconSettled(): AppError {
  return new AppError('conflict', {
    detail: 'Somebody has joined the draw: its beacon can be changed only with the next run',
  });
}

function occupied(lanes: readonly string[]): AppError {
  return new AppError('conflict', {
    detail: `Visitors stand in a lane that would be removed (${lanes.join(', ')})`,
  });
}
