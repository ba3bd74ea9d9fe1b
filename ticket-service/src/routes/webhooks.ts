import { AppError } from '@ropeline/core/errors.ts';
import { problems } from '@ropeline/core/http/problem-schemas.ts';
import type { CallbackReader } from '@ropeline/core/payments/provider.ts';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Metrics } from '../metrics.ts';
import type { PaymentCallbacks } from '../payments/payment-callbacks.ts';

type Parts = {
  readonly readCallback: CallbackReader;
  readonly callbacks: PaymentCallbacks;
  readonly metrics: Pick<Metrics, 'countCallback'>;
};

const bodyLimit = 256 * 1024;

/**
 * Where the payment provider calls back. In a context of its own: the signature is over the body's very bytes, so
 * nothing parses it before.
 */
export function webhookRoutes(app: FastifyInstance, { readCallback, callbacks, metrics }: Parts): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit }, (_request, body, done) => done(null, body));
  app.post(
    '/api/webhooks/payments',
    {
      bodyLimit,
      schema: {
        tags: ['payments'],
        summary: 'What the payment provider has to tell',
        description:
          'Signed by the provider (`Payment-Signature` of the simulator, `Stripe-Signature`). It makes the service ask ' +
          'the provider; nothing of the body is believed, so a repeat changes nothing. 503: call back later.',
        response: {
          200: Type.Object({ received: Type.Literal(true) }, { examples: [{ received: true }] }),
          ...problems('bad-signature', 'too-large', 'not-ready', 'unavailable'),
        },
      },
    },
    async ({ headers, body }) => {
      const subject = readCallback({ headers, body: typeof body === 'string' ? body : '' });
      switch (subject.kind) {
        case 'forged':
          metrics.countCallback('forged');
          throw new AppError('bad-signature');
        case 'other':
          metrics.countCallback('other');
          break;
        case 'charge':
          metrics.countCallback(await callbacks.hear(subject.reference, subject.providerId));
          break;
        default:
          subject satisfies never;
      }
      return { received: true };
    },
  );
}
