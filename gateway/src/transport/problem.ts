import { AppError } from '@ropeline/core/errors.ts';
import type { Exchange, Header } from './http.ts';

const problemType: Header = ['Content-Type', 'application/problem+json'];
const noStore: Header = ['Cache-Control', 'no-store'];

/** Answers with the problem of an AppError; `headers` go along. */
export function respondProblem(exchange: Exchange, error: AppError, headers: readonly Header[] = []): void {
  const all = [problemType, noStore, ...headers];
  if (error.allow !== undefined) all.push(['Allow', error.allow]);
  if (error.retryAfterSeconds !== undefined) all.push(['Retry-After', String(error.retryAfterSeconds)]);
  exchange.respond(error.status, all, JSON.stringify(error.toProblem()));
}

/** Whatever a handler threw becomes an answer; what is not an AppError is told to `onError` and hidden. */
export function answerError(
  exchange: Exchange,
  error: unknown,
  onError: (error: unknown, where: string) => void,
): void {
  const known = error instanceof AppError ? error : new AppError('internal-error', { cause: error });
  if (known.code === 'internal-error') onError(error, 'handler');
  if (known.code === 'too-large') exchange.closeAfter();
  if (exchange.answered) exchange.destroy();
  else respondProblem(exchange, known);
}
