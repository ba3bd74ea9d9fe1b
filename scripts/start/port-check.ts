import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { Refusal } from './refusal.ts';

export type WantedPort = { readonly setting: string; readonly port: number };

/** Throws {@link Refusal} that names every port in use, who holds it and which setting moves it. */
export async function checkPorts(address: string, wanted: readonly WantedPort[]): Promise<void> {
  const problems: string[] = [];
  for (const { setting, port } of wanted) {
    const twin = wanted.find((other) => other.port === port && other.setting !== setting);
    if (twin !== undefined) problems.push(`${setting} and ${twin.setting} are both ${port}.`);
    const code = await tryPort(address, port);
    if (code === 'EADDRINUSE') {
      problems.push(
        `Port ${port} is in use by ${holderOf(port)}. Stop it, or choose another: ${setting}=${port + 1000} npm start`,
      );
    } else if (code !== undefined) {
      problems.push(`Port ${port} (${setting}) cannot be opened on ${address}: ${code}.`);
    }
  }
  if (problems.length > 0)
    throw new Refusal(`Nothing was started:\n${problems.map((p) => `  - ${p}`).join('\n')}`);
}

async function tryPort(address: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen(port, address);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Who listens on a TCP port, as far as this user may see it. */
export function holderOf(port: number): string {
  return process.platform === 'linux' ? fromProc(port) : fromLsof(port);
}

function fromProc(port: number): string {
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => listeners(file, port));
  const inodes = new Set(sockets.map(({ inode }) => `socket:[${inode}]`));
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (links(`/proc/${pid}/fd`).some((link) => inodes.has(link))) {
      return `process ${pid} (${commandOf(pid)})`;
    }
  }
  const [first] = sockets;
  return first === undefined
    ? 'another program'
    : `a program of user id ${first.uid}, which this user may not look into`;
}

/** Lines of /proc/net/tcp: `sl local rem state queues timer retransmits uid timeout inode`; state 0A listens. */
function listeners(file: string, port: number): { uid: string; inode: string }[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[1]?.endsWith(ending) === true && fields[3] === '0A')
      .map((fields) => ({ uid: fields[7] ?? '?', inode: fields[9] ?? '?' }));
  } catch {
    return [];
  }
}

function links(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      try {
        return [readlinkSync(`${folder}/${name}`)];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

function commandOf(pid: string): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return words.length > 100 ? `${words.slice(0, 97)}...` : words;
  } catch {
    return 'unknown';
  }
}

function fromLsof(port: number): string {
  const answer = spawnSync('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], { encoding: 'utf8' });
  const [, pid, command] = /^p(\d+)\nc(.*)$/m.exec(answer.stdout ?? '') ?? [];
  return pid === undefined ? 'another program' : `process ${pid} (${command})`;
}
