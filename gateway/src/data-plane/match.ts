export type RoomMatch = {
  readonly room: string;
  /** Lower case, without port. None = every host. */
  readonly hosts?: readonly string[];
  /** Prefixes on segment borders. None = every path. */
  readonly paths?: readonly string[];
};

type Candidate = { readonly room: string; readonly prefix: string };

/** Which room a request belongs to: a room that names the host comes before those for any, then the longest path. */
export class RoomMatcher {
  readonly #byHost = new Map<string, Candidate[]>();
  readonly #anyHost: Candidate[] = [];

  constructor(rooms: readonly RoomMatch[]) {
    for (const { room, hosts = [], paths = [] } of rooms) {
      const prefixes = (paths.length === 0 ? ['/'] : paths).map((path) => path.replace(/\/+$/, ''));
      const lists = hosts.length === 0 ? [this.#anyHost] : hosts.map((host) => this.#listOf(host));
      for (const list of lists) list.push(...prefixes.map((prefix) => ({ room, prefix })));
    }
    for (const list of [this.#anyHost, ...this.#byHost.values()]) {
      // By name where two are as long: every gateway must choose the same.
      list.sort((a, b) => b.prefix.length - a.prefix.length || (a.room < b.room ? -1 : 1));
    }
  }

  /** `host` without port in lower case, `path` decoded. */
  find(host: string, path: string): string | undefined {
    return firstOn(this.#byHost.get(host), path) ?? firstOn(this.#anyHost, path);
  }

  #listOf(host: string): Candidate[] {
    const name = host.toLowerCase();
    const list = this.#byHost.get(name) ?? [];
    this.#byHost.set(name, list);
    return list;
  }
}

function firstOn(candidates: readonly Candidate[] | undefined, path: string): string | undefined {
  return candidates?.find(({ prefix }) => isBelow(prefix, path))?.room;
}

function isBelow(prefix: string, path: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
}
