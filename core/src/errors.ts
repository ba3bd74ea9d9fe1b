import { type Problem, type ProblemCode, problem, problemCodes } from './protocol/problem-codes.ts';

type Options = {
  readonly detail?: string;
  /** Further members of the problem body. */
  readonly members?: Record<string, unknown>;
  /** Methods for `Allow`, with 405. */
  readonly allow?: string;
  /** Sent as `Retry-After`; makes the error temporary. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
};

/**
 * A broken promise or a refusal, with the stable code that the client sees. Expected outcomes inside a
 * process are values in a union; this is thrown only at its edge or for what must not happen.
 */
export class AppError extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly temporary: boolean;
  readonly retryAfterSeconds: number | undefined;
  readonly allow: string | undefined;
  readonly #members: Record<string, unknown> | undefined;

  constructor(code: ProblemCode, options: Options = {}) {
    const { stackTraceLimit } = Error;
    // Nobody reads the stack of a refusal, and taking it costs as much as finding out that all is sold.
    if (problemCodes[code][0] < 500) Error.stackTraceLimit = 0;
    super(options.detail ?? problemCodes[code][1], { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'AppError';
    this.code = code;
    this.status = problemCodes[code][0];
    this.temporary = options.retryAfterSeconds !== undefined;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.allow = options.allow;
    this.#members = options.members;
  }

  /** The RFC 9457 body; never carries the cause. */
  toProblem(): Problem {
    const detail = this.message === problemCodes[this.code][1] ? undefined : this.message;
    return problem(this.code, detail, this.#members);
  }
}
