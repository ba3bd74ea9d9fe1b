import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLog } from '../core/src/log.ts';
import { connectRedis, untilReady } from '../core/src/redis/connect.ts';
import { startChild, stopChild } from '../scripts/services/child.ts';
import { freePort } from '../scripts/services/free-port.ts';
import { redisAnswers, startRedis } from '../scripts/services/redis-server.ts';
import { until } from './until.ts';

export type TlsRedis = {
  /** Without a query: the authority is not a known one. */
  readonly url: string;
  /** The authority's certificate. */
  readonly ca: string;
  readonly stop: () => Promise<void>;
};

const masterName = 'queue';
const run = promisify(execFile);

/** A Redis of this form that speaks TLS on a port of its own, with a certificate for 127.0.0.1 of a private authority. */
export async function startTlsRedis(form: 'server' | 'sentinel' | 'cluster'): Promise<TlsRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'ropeline-tls-'));
  await makeCertificates(folder);
  const port = await freePort();
  const busPort = String(await freePort());
  // A node that has met no other does not know its own address.
  const alone = ['--cluster-announce-ip', '127.0.0.1'];
  const asCluster = ['--cluster-enabled', 'yes', '--cluster-port', busPort, '--tls-cluster', 'yes', ...alone];
  const settings = Object.entries(tlsSettings(folder, port)).flatMap(([name, value]) => [`--${name}`, value]);
  const words = [...settings, ...(form === 'cluster' ? asCluster : [])];
  const server = await startRedis({ folder: join(folder, 'redis'), words });
  if (form === 'cluster') await takeAllSlots(server.url);
  const sentinel = form === 'sentinel' ? await startSentinel(folder, port) : undefined;
  const urls = {
    server: `rediss://127.0.0.1:${port}`,
    cluster: `rediss+cluster://127.0.0.1:${port}`,
    sentinel: `rediss+sentinel://127.0.0.1:${sentinel?.port}/${masterName}`,
  };
  return {
    url: urls[form],
    ca: join(folder, 'ca.pem'),
    stop: async () => {
      await Promise.all([sentinel?.kill(), server.kill()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function makeCertificates(folder: string): Promise<void> {
  const at = (name: string): string => join(folder, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = ['-subj', '/CN=authority', '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '2'];
  await run('openssl', ['req', '-x509', ...newKey, ...authority]);
  const request = ['-subj', '/CN=redis', '-keyout', at('redis.key'), '-out', at('redis.csr')];
  await run('openssl', ['req', ...newKey, ...request]);
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1\n');
  const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2'];
  const files = ['-in', at('redis.csr'), '-out', at('redis.pem'), '-extfile', at('names')];
  await run('openssl', ['x509', '-req', ...signer, ...files]);
}

function tlsSettings(folder: string, port: number): Record<string, string> {
  return {
    'tls-port': String(port),
    'tls-cert-file': join(folder, 'redis.pem'),
    'tls-key-file': join(folder, 'redis.key'),
    'tls-ca-cert-file': join(folder, 'ca.pem'),
    'tls-auth-clients': 'no',
    'tls-replication': 'yes',
  };
}

async function takeAllSlots(url: string): Promise<void> {
  const redis = connectRedis(url, { name: 'test', log: createLog('test', 'silent') });
  await untilReady(redis);
  await redis.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  await until(async () => String(await redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  redis.disconnect();
}

async function startSentinel(folder: string, masterPort: number) {
  const [plain, port] = [await freePort(), await freePort()];
  const file = join(folder, 'sentinel.conf');
  const lines = [
    ...Object.entries(tlsSettings(folder, port)).map(([name, value]) => `${name} ${value}`),
    ...[`port ${plain}`, 'bind 127.0.0.1', `dir ${folder}`],
    `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} 1`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = startChild('redis-server', [file, '--sentinel']);
  await until(() => redisAnswers(plain));
  return { port, kill: () => stopChild(child.process, 'SIGKILL') };
}
