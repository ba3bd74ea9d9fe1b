import { AppError } from '@ropeline/core/errors.ts';
import { isSameSecret } from '@ropeline/core/token/same-secret.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Operator, type OperatorTokens, type Role, roles } from './operator-tokens.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose token the request carries; null on paths that ask for none. */
    operator: Operator | null;
  }
}

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** `onRequest` hooks: they answer before a body is read. */
export type Auth = {
  /** 401 `token-required` without a token that is known, 403 `role-required` below the role. */
  readonly needs: (role: Role) => Hook;
  /** As `needs('operator')`, but the signal token will do too. */
  readonly requireSignal: Hook;
};

export function createAuth(tokens: OperatorTokens, signalToken: string | undefined): Auth {
  const needs =
    (role: Role): Hook =>
    async (request, reply) => {
      const token = bearer(request);
      const operator = token === undefined ? undefined : tokens.find(token);
      if (operator === undefined) {
        reply.header('www-authenticate', 'Bearer realm="ropeline"');
        throw new AppError('token-required');
      }
      if (roles.indexOf(operator.role) < roles.indexOf(role)) {
        throw new AppError('role-required', { detail: `This takes the role ${role}` });
      }
      request.operator = operator;
    };
  const asOperator = needs('operator');
  return {
    needs,
    requireSignal: async (request, reply) => {
      const token = bearer(request);
      if (token !== undefined && signalToken !== undefined && isSameSecret(token, signalToken)) {
        request.operator = { name: 'signal', role: 'operator' };
      } else {
        await asOperator(request, reply);
      }
    },
  };
}

/** The name under which a change is audited. */
export function authorOf(request: FastifyRequest): string {
  if (request.operator === null) throw new AppError('token-required');
  return request.operator.name;
}

function bearer(request: FastifyRequest): string | undefined {
  return /^Bearer ([^\s]+)$/i.exec(request.headers.authorization ?? '')?.[1];
}
