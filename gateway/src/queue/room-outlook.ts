import { awaitsDraw, openingOf } from './draw/draw-state.ts';
import type { LiveRoom } from './live-room.ts';

/** The opening has come and the draw is not made: a tick begins it, and another ends it. */
export function drawIsDue({ rules, draw, cursor }: LiveRoom): boolean {
  return awaitsDraw(rules, draw.state) && openingOf(rules, draw.state) <= cursor.now();
}

/** When the room changes by the clock alone, Unix ms of Redis. */
export function nextChange({ rules, cursor, recovery }: LiveRoom): number | undefined {
  const now = cursor.now();
  const { prequeueAt, opensAt, closesAt } = rules.schedule;
  const times = [prequeueAt, opensAt, closesAt, recovery.pausedUntil];
  const ahead = times.filter((at) => at !== undefined && at > now);
  return ahead.length === 0 ? undefined : Math.min(...(ahead as number[]));
}

/** A guess from memory that a join would pass at once. */
export function looksIdle(room: LiveRoom): boolean {
  const { queue, admission } = room.rules;
  if (room.outage.letsEverybodyIn) return true;
  if (room.passesThrough) return room.state === 'open';
  return (
    room.state === 'open' &&
    !queue.alwaysOn &&
    !queue.inviteOnly &&
    room.waiting === 0 &&
    room.admittedNow + room.activeNow <
      Math.min(admission.capacity, queue.threshold.active ?? Number.POSITIVE_INFINITY)
  );
}
