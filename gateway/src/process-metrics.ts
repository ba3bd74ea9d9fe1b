import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { createServer, get, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Logger } from '@ropeline/core/log.ts';
import type { MetricsSource } from '@ropeline/core/metrics.ts';
import type { Registry } from 'prom-client';

/** A process that does not answer within this is left out of the page. */
const answerMs = 1_000;

type Options = {
  readonly registry: Registry;
  readonly controlPort: number;
  readonly gateways: number;
  readonly gatewayNumber: number;
  readonly log: Logger;
};

type SharedMetrics = { readonly source: MetricsSource; readonly close: () => Promise<void> };

/**
 * Of several gateway processes on one machine only one has the control port. So each offers its metrics to the others
 * too, labelled with its number, on a Unix socket in a folder that only this user can open, and whoever has the port
 * answers with those of all. A single process is its own source, without that label.
 */
export async function shareMetrics(options: Options): Promise<SharedMetrics> {
  const { registry, controlPort, gateways, gatewayNumber, log } = options;
  const alone: SharedMetrics = { source: registry, close: async () => undefined };
  if (gateways === 1) return alone;
  registry.setDefaultLabels({ process: String(gatewayNumber) });
  const folder = join(tmpdir(), `ropeline-gateways-${process.getuid?.() ?? 0}-${controlPort}`);
  const own = join(folder, `${gatewayNumber}.sock`);
  try {
    await makePrivate(folder);
    // Of the process that had this number before.
    await rm(own, { force: true });
    const server = await offer(registry, own);
    const source = { contentType: registry.contentType, metrics: () => readAll(registry, folder, own) };
    return { source, close: () => close(server) };
  } catch (error) {
    log.warn({ err: error, folder }, 'metrics of the other gateway processes are not to be had');
    return alone;
  }
}

/** Throws when somebody else could put sockets there. */
async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = await lstat(folder);
  if (uid !== (process.getuid?.() ?? uid) || (mode & 0o077) !== 0)
    throw new Error(`${folder} is not private`);
}

function offer(registry: Registry, path: string): Promise<Server> {
  const server = createServer((_request, response) => {
    registry.metrics().then(
      (body) => response.end(body),
      () => response.destroy(),
    );
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function readAll(registry: Registry, folder: string, own: string): Promise<string> {
  const names = await readdir(folder);
  const others = names.map((name) => join(folder, name)).filter((path) => path !== own);
  const pages = await Promise.all([registry.metrics(), ...others.sort().map(read)]);
  return mergePages(pages);
}

/** The page of another process; nothing of one that is gone or does not answer. */
function read(socketPath: string): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ socketPath, path: '/', timeout: answerMs }, (response) => {
      text(response).then(resolve, () => resolve(''));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(''));
  });
}

/** Prometheus wants all samples of a metric in one block, below its help and type. */
export function mergePages(pages: readonly string[]): string {
  const blocks = new Map<string, { readonly head: readonly string[]; readonly samples: string[] }>();
  for (const page of pages) {
    for (const block of page.split(/^(?=# HELP )/m)) {
      const lines = block.split('\n').filter((line) => line !== '');
      const head = lines.filter((line) => line.startsWith('#'));
      const samples = lines.filter((line) => !line.startsWith('#'));
      const name = head[0]?.split(' ')[2];
      if (name === undefined) continue;
      const known = blocks.get(name);
      if (known === undefined) blocks.set(name, { head, samples });
      else known.samples.push(...samples);
    }
  }
  return [...blocks.values()].map(({ head, samples }) => `${[...head, ...samples].join('\n')}\n`).join('\n');
}
