import { createLog } from '@ropeline/core/log.ts';
import { createRegistry } from '@ropeline/core/metrics.ts';
import type { FastifyInstance } from 'fastify';
import { cleanedUp } from '../../../testing/scope.ts';
import { createControlPlane } from '../../src/control-plane/app.ts';
import { parseOperatorTokens, type Role, sha256 } from '../../src/control-plane/operator-tokens.ts';
import { createMetrics } from '../../src/metrics.ts';
import { type OpenRooms, openRooms } from './open-rooms.ts';

/** Tokens of the tests: `token.admin` belongs to an admin named `admin`, and so on. */
export const token: Record<Role, string> = {
  viewer: 'the-token-of-somebody-who-reads',
  operator: 'the-token-of-somebody-who-runs-the-event',
  admin: 'the-token-of-somebody-who-makes-rooms',
};
export const signalToken = 'the-token-of-the-ticket-service-and-nobody-else';
export const metricsToken = 'the-token-of-prometheus';

type Answer = {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers by name; the assertions are the check
  readonly body: any;
};
type CallOptions = {
  readonly as?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
};

export type OpenControl = OpenRooms & {
  readonly app: FastifyInstance;
  /** Answers of the control plane; as the admin unless told otherwise, `as: ''` = without a token. */
  readonly call: (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    options?: CallOptions,
  ) => Promise<Answer>;
};

/** One gateway's queue with its control plane, stopped at the end of the test. */
export async function openControl(url: string): Promise<OpenControl> {
  const registry = createRegistry(false);
  const metrics = createMetrics(registry);
  const open = await openRooms(url, metrics.ofRoom);
  const app = await createControlPlane({
    ...open,
    registry,
    signalToken,
    metricsToken,
    tokens: parseOperatorTokens(
      Object.entries(token).map(([role, text]) => `${role}:${role}:${sha256(text).toString('hex')}`),
    ),
    log: createLog('test', 'silent'),
  });
  cleanedUp(app, () => app.close());
  return {
    ...open,
    app,
    async call(method, path, { as = token.admin, body, headers = {} } = {}) {
      const answer = await app.inject({
        method,
        url: path,
        headers: { ...(as === '' ? {} : { authorization: `Bearer ${as}` }), ...headers },
        ...(body === undefined ? {} : { payload: body as object | string }),
      });
      const isJson = /[/+]json/.test(String(answer.headers['content-type']));
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: isJson ? answer.json() : answer.body,
      };
    },
  };
}
