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
  const owner = gatewaysOf(ropeline).find((pid) => socketsOn(pid, port, 'listening') > 0);
  if (owner === undefined) throw new Error(`nobody listens on ${port}`);
  return owner;
}

/** Process ids of the gateways that listen on the visitors' port. */
export function gatewaysOnPort(ropeline: Ropeline): readonly number[] {
  const port = Number(new URL(ropeline.addresses.gateway).port);
  return gatewaysOf(ropeline).filter((pid) => socketsOn(pid, port, 'listening') > 0);
}

/** How many visitors' connections a gateway holds. */
export function connectionsOf(ropeline: Ropeline, pid: number): number {
  return socketsOn(pid, Number(new URL(ropeline.addresses.gateway).port), 'established');
}

const states = { listening: '0A', established: '01' } as const;

/** How many sockets of a local port a process has in that state. */
function socketsOn(pid: number, port: number, wanted: keyof typeof states): number {
  const inodes = new Set(
    readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(
        ([, local, , state]) => state === states[wanted] && parseInt(local?.split(':')[1] ?? '', 16) === port,
      )
      .map((fields) => fields[9]),
  );
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target(`/proc/${pid}/fd/${fd}`)) ?? [];
    return inodes.has(inode);
  }).length;
}

/** A descriptor may be closed between being listed and being read. */
function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
