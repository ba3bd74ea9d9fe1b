import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RedisClient } from './connect.ts';

const luaFolder = fileURLToPath(new URL('../../../lua/', import.meta.url));

/** What a script's header promises; the contract test compares it with the file's text. */
export type ScriptContract = {
  /** File name in lua/ without its ending. */
  readonly file: string;
  /** Names of KEYS[1..n], as the script's first lines rename them. */
  readonly keys: readonly string[];
  /** Names of the keys that repeat after `keys` (one group per lane, shard, ...). */
  readonly repeatedKeys?: readonly string[];
  /** Names of ARGV[1..n]; what repeats after them is described in the header. */
  readonly args: readonly string[];
};

export type ScriptArg = string | number;

/** A script bound to nothing yet: call it with a client. */
export type Script<Reply> = {
  readonly contract: ScriptContract;
  readonly call: (redis: RedisClient, keys: readonly string[], args: readonly ScriptArg[]) => Promise<Reply>;
};

/** All scripts defined in this process, for the contract test. */
const defined = new Map<string, ScriptContract>();
export function definedScripts(): readonly ScriptContract[] {
  return [...defined.values()];
}

/**
 * Binds a file of lua/ with its includes. The reply's shape is the one that the header promises, decoded by
 * `decode`. ioredis sends EVALSHA, and EVAL first on every connection and after a restart, so on every node of a cluster.
 */
export function defineScript<Reply>(
  contract: ScriptContract,
  decode: (raw: unknown) => Reply,
): Script<Reply> {
  const lua = loadScript(contract.file);
  const name = `ropeline:${contract.file}`;
  defined.set(contract.file, contract);
  return {
    contract,
    async call(redis, keys, args) {
      const client = redis as RedisClient & Record<string, (...words: unknown[]) => Promise<unknown>>;
      if (client[name] === undefined) redis.defineCommand(name, { lua });
      const command = client[name] as (...words: unknown[]) => Promise<unknown>;
      return decode(await command.call(redis, keys.length, ...keys, ...args));
    },
  };
}

/** The text of a script: `-- @include name` lines are replaced by lua/include/name.lua, each once. */
export function loadScript(file: string): string {
  return expand(readFileSync(join(luaFolder, `${file}.lua`), 'utf8'), new Set());
}

function expand(text: string, seen: Set<string>): string {
  return text.replace(/^-- @include (\w+)$/gm, (_line, name: string) => {
    if (seen.has(name)) return '';
    seen.add(name);
    return expand(readFileSync(join(luaFolder, 'include', `${name}.lua`), 'utf8'), seen).trimEnd();
  });
}
