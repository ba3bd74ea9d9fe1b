import { Pool } from 'undici';
import type { SendSignal } from './room-signal.ts';

type Options = {
  /** Of the gateway's control plane. */
  readonly controlUrl: string;
  readonly token: string;
};

const timeoutMs = 2_000;

/** Signals over HTTP to the control plane, on one kept connection. Throws unless the room has taken it. */
export function httpSignals({ controlUrl, token }: Options): {
  readonly send: SendSignal;
  readonly close: () => Promise<void>;
} {
  const { origin, pathname } = new URL(controlUrl);
  const base = pathname.replace(/\/$/, '');
  const pool = new Pool(origin, {
    connections: 2,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  return {
    async send(room, stock) {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: `${base}/api/rooms/${encodeURIComponent(room)}/signals`,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ stock }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      await body.dump();
      if (statusCode >= 300) throw new Error(`the control plane answered ${statusCode}`);
    },
    close: () => pool.destroy(),
  };
}
