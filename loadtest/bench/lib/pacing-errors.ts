const windowMs = 1_000;
const stepMs = 100;

/**
 * Of every window of a second that begins at a multiple of 100 ms within [from, to - 1 s]: the distance of the
 * admissions in it from `perSecond`, as a share of it. Times in ms, ascending.
 */
export function pacingErrors(
  admissions: readonly number[],
  perSecond: number,
  from: number,
  to: number,
): readonly number[] {
  const errors: number[] = [];
  let first = 0;
  let end = 0;
  for (let start = Math.ceil(from / stepMs) * stepMs; start + windowMs <= to; start += stepMs) {
    while ((admissions[first] ?? Number.POSITIVE_INFINITY) < start) first += 1;
    while ((admissions[end] ?? Number.POSITIVE_INFINITY) < start + windowMs) end += 1;
    errors.push(Math.abs(end - first - perSecond) / perSecond);
  }
  return errors;
}
