import { AppError } from '@ropeline/core/errors.ts';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Exchange } from '../transport/http.ts';

const limitBytes = 8 * 1024;
const noBody = Buffer.alloc(0);

export const JoinBody = Type.Object({
  lane: Type.Optional(Type.String({ pattern: '^[a-z0-9-]{1,40}$' })),
  code: Type.Optional(Type.String({ maxLength: 200 })),
  challenge: Type.Optional(Type.String({ maxLength: 2_000 })),
  identity: Type.Optional(Type.String({ maxLength: 4_000 })),
  to: Type.Optional(Type.String({ maxLength: 2_048 })),
});

export const ClaimBody = Type.Object({ to: Type.Optional(Type.String({ maxLength: 2_048 })) });

export type Body<T> = { readonly fields: T; readonly isForm: boolean };

/**
 * An optional body, JSON or a form. Throws `too-large`, `unsupported-media-type` for another type, `bad-request` for
 * what is malformed or of the wrong shape. Members that are not known are passed over.
 */
export async function readBody<S extends TSchema>(exchange: Exchange, schema: S): Promise<Body<Static<S>>> {
  const type = mediaType(exchange.headers.get('content-type'));
  const isForm = type === 'application/x-www-form-urlencoded';
  const body = exchange.hasBody ? await exchange.body(limitBytes) : noBody;
  if (body.length === 0) return { fields: {} as Static<S>, isForm };
  if (!isForm && type !== 'application/json') {
    throw new AppError('unsupported-media-type', { detail: 'Send application/json or a form' });
  }
  const fields = isForm ? fromForm(body) : fromJson(body);
  const [problem] = Value.Errors(schema, fields);
  if (problem !== undefined) {
    const where = problem.instancePath === '' ? 'the body' : problem.instancePath.slice(1);
    throw new AppError('bad-request', { detail: `${where} ${problem.message}` });
  }
  return { fields: fields as Static<S>, isForm };
}

function mediaType(header: string | undefined): string {
  return (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function fromForm(body: Buffer): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(body.toString('utf8'))) {
    if (value !== '') fields[name] = value;
  }
  return fields;
}

function fromJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new AppError('bad-request', { detail: 'The body is not JSON', cause });
  }
}
