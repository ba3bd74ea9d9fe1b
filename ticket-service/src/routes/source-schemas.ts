import { Type } from 'typebox';

/** What the replaced systems send: ids and numbers as numbers or in quotes. */
export const Id = Type.Union(
  [Type.Integer({ minimum: 1, maximum: 2_147_483_647 }), Type.String({ pattern: '^[1-9][0-9]{0,8}$' })],
  { description: 'A number, in quotes or not' },
);

export function idIn(value: number | string): number {
  return Number(value);
}
