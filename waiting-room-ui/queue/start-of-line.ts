/**
 * Where a visitor began, for the progress bar: kept over reloads and shared by the tabs of one visitor. Storage may
 * be switched off; then progress begins anew with each load.
 */
export function startedAhead(visitor: string, ahead: number): number {
  const key = `ropeline:start:${visitor}`;
  try {
    const kept = Number(localStorage.getItem(key));
    if (kept >= ahead && kept > 0) return kept;
    localStorage.setItem(key, String(ahead));
  } catch {
    // nothing to keep it in
  }
  return ahead;
}
