import { until } from '../../../testing/until.ts';
import type { RunningService } from './start-service.ts';

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
};

type Call = {
  readonly method?: string;
  /** Sent as JSON, unless `text` is given. */
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Record<string, string>;
};

/** One HTTP call and its JSON answer (an empty object when there is no body). */
export async function call(running: RunningService, path: string, options: Call = {}): Promise<Answer> {
  const { json, text = json === undefined ? undefined : JSON.stringify(json) } = options;
  const response = await fetch(`${running.url}${path}`, {
    method: options.method ?? (text === undefined ? 'GET' : 'POST'),
    headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers },
    ...(text === undefined ? {} : { body: text }),
  });
  const answer = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: answer === '' ? {} : JSON.parse(answer),
  };
}

/** An access token. Who is told that too many log in is to come back: a slow machine says so to few. */
export async function logIn(
  running: RunningService,
  id = 'testuser1',
  password = 'qwer1234',
): Promise<string> {
  const { body } = await until(async () => {
    const answer = await call(running, '/api/sessions', { json: { id, password } });
    return answer.status !== 503 && answer;
  });
  if (typeof body['accessToken'] !== 'string') throw new Error(`no log-in: ${JSON.stringify(body)}`);
  return body['accessToken'];
}

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
