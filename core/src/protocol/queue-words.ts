import type { Eta } from './status.ts';

const number = new Intl.NumberFormat('en');

export function countText(count: number): string {
  return number.format(count);
}

/**
 * A wait as a range from its median to its ninetieth percentile. Rounded so that it does not promise more than
 * an estimate can: to minutes up to an hour and a half, to half hours beyond.
 */
export function estimateText(eta: Eta): string {
  const [low, high] = [Math.min(eta.p50, eta.p90), Math.max(eta.p50, eta.p90)];
  if (high < 60) return 'less than a minute';
  if (high <= 90 * 60) {
    const [from, to] = [Math.floor(low / 60), Math.ceil(high / 60)];
    if (from === 0) return to === 1 ? 'about a minute' : `up to ${to} minutes`;
    return from === to ? `about ${to} min` : `${from}–${to} minutes`;
  }
  const [from, to] = [Math.floor(low / 1_800) / 2, Math.ceil(high / 1_800) / 2];
  if (from === 0) return `up to ${to} hours`;
  return from === to ? `about ${to} h` : `${from}–${to} hours`;
}

/** Time that is left: `1:05`, `2:00:00`, `3 d 4 h`; never below zero. */
export function remainingText(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24];
  const [minutes, rest] = [Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
