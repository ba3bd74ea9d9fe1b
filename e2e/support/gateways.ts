import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { processesOf } from './processes-of.ts';
import type { Ropeline } from './start-ropeline.ts';

/** Process ids of the running gateways. */
export function gatewaysOf({ dataDir }: Ropeline): readonly number[] {
  return processesOf(dataDir)
    .filter(({ command }) => command.includes('gateway/src/main.ts'))
    .map(({ pid }) => pid);
}

/** The gateway that owns the control port, by what the kernel knows of its sockets. Linux only. */
export function controlOwner(ropeline: Ropeline): number {
  const port = Number(new URL(ropeline.addresses.control).port);
  const owner = gatewaysOf(ropeline).find((pid) => listensOn(pid, port));
  if (owner === undefined) throw new Error(`nobody listens on ${port}`);
  return owner;
}

function listensOn(pid: number, port: number): boolean {
  const inodes = new Set(
    readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => state === '0A' && parseInt(local?.split(':')[1] ?? '', 16) === port)
      .map((fields) => fields[9]),
  );
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target(`/proc/${pid}/fd/${fd}`)) ?? [];
    return inodes.has(inode);
  });
}

/** A descriptor may be closed between being listed and being read. */
function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
