import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export type RunningProcess = { readonly pid: number; readonly command: string };

/**
 * Every process of an installation: its environment or its command line names the data folder, or it works in it.
 * Linux only.
 */
export function processesOf(dataDir: string): readonly RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const read = (file: string): string => {
        try {
          return readFileSync(`/proc/${pid}/${file}`, 'utf8');
        } catch {
          return '';
        }
      };
      const command = read('cmdline').replaceAll('\0', ' ').trim();
      const isOurs =
        command.includes(dataDir) ||
        read('environ').includes(`DATA_DIR=${dataDir}\0`) ||
        workingFolder(pid).startsWith(dataDir);
      return isOurs && command !== '' ? [{ pid: Number(pid), command }] : [];
    });
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
