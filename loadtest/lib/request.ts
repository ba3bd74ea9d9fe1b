import { sleep } from 'k6';
import http, { type RefinedResponse } from 'k6/http';
import { toldLater, unresolved } from './numbers.ts';
import { settings } from './settings.ts';
import { trouble } from './trouble.ts';

/** What a visitor takes for an answer. A 503 is one as long as it says when to come back; see {@link ask}. */
const answers = [200, 201, 202, 204, 402, 409] as const;
const later = 503;

/** Call once in the init context: `http_req_failed` then counts what is no answer at all. */
export function expectAnswers(): void {
  http.setResponseCallback(http.expectedStatuses(...answers, later));
}

export type Request = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: string;
  /** Name of the request in metrics; addresses carry ids and would be one series each. */
  readonly name: string;
  readonly body?: object;
  readonly headers?: Record<string, string>;
  /** A lost answer may be asked for again: nothing happens twice. */
  readonly repeatable: boolean;
};

export type Answer = {
  readonly status: number;
  readonly body: Record<string, unknown>;
};

/**
 * Asks until there is an answer: a 503 is repeated after its Retry-After (plus jitter), a lost connection a second
 * later, both within `retrySeconds`. Undefined when there was none; the error is counted by its kind.
 */
export function ask(request: Request): Answer | undefined {
  const deadline = Date.now() + settings.retrySeconds * 1_000;
  for (;;) {
    const response = send(request);
    const retryAfter = Number(response.headers['Retry-After']);
    if (response.status === later && retryAfter > 0) {
      toldLater.add(1, { name: request.name });
      if (Date.now() + retryAfter * 1_000 < deadline) {
        unresolved.add(false);
        sleep(retryAfter + Math.random());
        continue;
      }
      return fail(`${request.name} told later until patience ended`);
    }
    if (response.status === 0) {
      const error = fail(`${request.name} lost: ${response.error_code}`);
      if (!request.repeatable || Date.now() > deadline) return error;
      sleep(1 + Math.random());
      continue;
    }
    if (!answers.includes(response.status as (typeof answers)[number])) {
      return fail(`${request.name} ${response.status} ${codeOf(response)}`);
    }
    unresolved.add(false);
    return { status: response.status, body: bodyOf(response) };
  }
}

function send({ method, url, name, body, headers }: Request): RefinedResponse<'text'> {
  return http.request(method, url, body === undefined ? null : JSON.stringify(body), {
    headers: body === undefined ? { ...headers } : { 'Content-Type': 'application/json', ...headers },
    tags: { name },
    responseType: 'text',
    timeout: '60s',
  });
}

function fail(kind: string): undefined {
  unresolved.add(true);
  trouble(kind);
  return undefined;
}

function bodyOf(response: RefinedResponse<'text'>): Record<string, unknown> {
  if (response.body === null || response.body === '') return {};
  try {
    return JSON.parse(response.body) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function codeOf(response: RefinedResponse<'text'>): string {
  return String(bodyOf(response)['code'] ?? '');
}
