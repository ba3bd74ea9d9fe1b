import { type Answer, call } from './call.ts';
import type { Ropeline } from './start-ropeline.ts';

/** What these tests read of a room's numbers (`GET /api/rooms/{room}/stats`). */
export type RoomNumbers = {
  readonly state: string;
  /** Redis time, Unix ms. */
  readonly at: number;
  readonly ratePerMinute: number;
  readonly waiting: number;
  readonly admitted: number;
  readonly active: number;
  readonly totals: { readonly joined: number; readonly turns: number; readonly lapsed: number };
  readonly stock: { readonly capacity: number; readonly held: number; readonly sold: number } | null;
};

/** The operator of the demo room, at the control plane. What is refused is thrown. */
export type Operator = {
  readonly patch: (rules: object) => Promise<Answer>;
  readonly act: (action: 'pause' | 'resume' | 'reset') => Promise<Answer>;
  readonly numbers: () => Promise<RoomNumbers>;
};

export function operatorOf({ addresses, operatorToken }: Ropeline): Operator {
  const room = `${addresses.control}/api/rooms/demo`;
  const headers = { authorization: `Bearer ${operatorToken}` };
  const ask = async (method: string, path: string, json?: object): Promise<Answer> => {
    const answer = await call(method, room + path, { headers, ...(json && { json }) });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  };
  return {
    patch: (rules) => ask('PATCH', '', rules),
    act: (action) => ask('POST', `/${action}`),
    // The wire's own schema; the control plane's tests hold it to it.
    numbers: async () => (await ask('GET', '/stats')).body as unknown as RoomNumbers,
  };
}

/** Of its admission: counted over the room. */
export function turnOf(entryToken: string): number {
  const [, payload = ''] = entryToken.split('.');
  const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string };
  return Number(jti.split('.').at(-1));
}
