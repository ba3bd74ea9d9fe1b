import { Type } from 'typebox';
import { type ProblemCode, problem, problemCodes } from '../protocol/problem-codes.ts';

/** The problems that a route answers, by status, for its `response` schema (OpenAPI). */
export function problems(...codes: readonly ProblemCode[]): Record<number, object> {
  const byStatus = Map.groupBy(codes, (code) => problemCodes[code][0]);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${problemCodes[code][1]}`).join('; '),
        content: { 'application/problem+json': { schema: problemSchema(group) } },
      },
    ]),
  );
}

/** The body of such a problem. */
export function problemSchema(codes: readonly ProblemCode[]): object {
  const [first] = codes;
  return Type.Object(
    {
      type: Type.String(),
      title: Type.String(),
      status: Type.Integer(),
      code: Type.String({ description: 'Stable word' }),
      detail: Type.Optional(Type.String()),
    },
    { additionalProperties: true, ...(first === undefined ? {} : { examples: [problem(first)] }) },
  );
}
