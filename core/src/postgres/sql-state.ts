/**
 * True when Postgres refused the values themselves (class 22, data exception; class 23, a violated constraint):
 * the same statement on the same rows fails again. Everything else (no connection, deadlock, time-out, full disk)
 * may pass when tried later.
 */
export function isRefusedForGood(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^2[23]...$/.test(code);
}
