import Fastify from 'fastify';
import { reportPort } from './bench-process.ts';

/** What the ticket service is measured against: reads the same request, does nothing. */
const app = Fastify();
app.post('/api/orders', async (_request, reply) => reply.code(201).send({}));
reportPort(Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port));
