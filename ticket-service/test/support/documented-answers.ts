import { problemCodes } from '@ropeline/core/protocol/problem-codes.ts';
import { type Answer, call } from './http.ts';
import type { RunningService } from './start-service.ts';

type Media = Readonly<Record<string, unknown>>;
type Operation = {
  readonly tags?: readonly string[];
  readonly responses: Readonly<Record<string, { readonly description?: string; readonly content?: Media }>>;
};

/** Every answer of the description with one of these tags, as `GET /path 404 unknown-offer` or `GET /path 200`. */
export async function describedAnswers(
  running: RunningService,
  tags: readonly string[],
): Promise<readonly string[]> {
  const { body } = await call(running, '/openapi.json');
  const paths = body['paths'] as Record<string, Record<string, Operation>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { tags: own = [] }]) => own.some((tag) => tags.includes(tag)))
      .flatMap(([method, { responses }]) =>
        Object.entries(responses).flatMap(([status, { description = '', content = {} }]) => {
          const name = `${method.toUpperCase()} ${path} ${status}`;
          const codes = [...description.matchAll(/`([a-z-]+)`/g)].flatMap(([, code = '']) =>
            code in problemCodes ? [`${name} ${code}`] : [],
          );
          const isPlain = !('application/problem+json' in content) || 'application/json' in content;
          return isPlain ? [name, ...codes] : codes;
        }),
      ),
  );
}

type Ask = Parameters<typeof call>[2] & {
  /** In the place of `{id}` and the like. */
  readonly at?: unknown;
  readonly query?: string;
};

/** Calls routes by the names that the description gives them, and keeps what they answered. */
export class AnswerBook {
  readonly seen = new Set<string>();
  readonly #running: RunningService;

  constructor(running: RunningService) {
    this.#running = running;
  }

  async ask(route: string, { at, query = '', ...options }: Ask = {}): Promise<Answer> {
    const [method = '', template = ''] = route.split(' ');
    const path = template.replace(/\{\w+\}/, String(at));
    const answer = await call(this.#running, path + query, { ...options, method });
    const { code } = answer.body;
    this.note(route, answer.status, typeof code === 'string' ? code : undefined);
    return answer;
  }

  note(route: string, status: number, code?: string): void {
    this.seen.add([route, status, ...(code === undefined ? [] : [code])].join(' '));
  }
}
