import type { Logger } from '@ropeline/core/log.ts';
import type { FastifyInstance } from 'fastify';

const retryMs = 1_000;

type Options = {
  readonly app: FastifyInstance;
  readonly host: string;
  readonly port: number;
  /** Several gateway processes share a machine: whoever finds the port free owns it, another takes it over later. */
  readonly shared: boolean;
  readonly log: Logger;
};

/** Listens on the control port. Shared: keeps trying until it is free; else throws when it is taken. */
export async function ownControlPort(options: Options): Promise<() => void> {
  const { app, host, port, shared, log } = options;
  let timer: NodeJS.Timeout | undefined;
  const attempt = async (): Promise<void> => {
    try {
      const address = await app.listen({ host, port });
      log.info({ address }, 'control plane is up');
    } catch (error) {
      if (!shared || (error as { code?: string }).code !== 'EADDRINUSE') throw error;
      timer = setTimeout(() => {
        attempt().catch((failure: unknown) => log.error({ err: failure }, 'control port not to be had'));
      }, retryMs);
    }
  };
  await attempt();
  return () => clearTimeout(timer);
}
