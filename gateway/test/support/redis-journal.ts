import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Happening } from './happenings.ts';
import { History } from './history.ts';

/** Commands that took effect together, in the order in which Redis did them. */
type Step = readonly (readonly string[])[];

/** Every write of a Redis in its append-only file, whoever asked for it and whatever was killed meanwhile. */
function* readJournal(folder: string): Generator<Step> {
  const files = readdirSync(join(folder, 'appendonlydir'))
    .filter((name) => name.endsWith('.incr.aof'))
    .sort((a, b) => Number(/(\d+)\.incr/.exec(a)?.[1]) - Number(/(\d+)\.incr/.exec(b)?.[1]));
  let together: string[][] | undefined;
  for (const file of files) {
    for (const command of commandsOf(readFileSync(join(folder, 'appendonlydir', file), 'latin1'))) {
      const name = command[0]?.toUpperCase();
      if (name === 'MULTI') together = [];
      else if (name === 'EXEC') {
        if (together !== undefined) yield together;
        together = undefined;
      } else if (together !== undefined) together.push(command);
      else yield [command];
    }
  }
}

/** RESP arrays, one behind the other; a last one that was cut off is left out. */
function* commandsOf(text: string): Generator<string[]> {
  for (let at = 0; text[at] === '*'; ) {
    const [size, first] = numberAt(text, at);
    at = first;
    const words: string[] = [];
    for (let i = 0; i < size; i += 1) {
      const [length, start] = numberAt(text, at);
      words.push(text.slice(start, start + length));
      at = start + length + 2;
    }
    if (at > text.length) return;
    yield words;
  }
}

/** The number of a line `*12` or `$12`, and where the next line begins: beyond the text when it was cut off. */
function numberAt(text: string, at: number): readonly [number, number] {
  const end = text.indexOf('\r\n', at);
  if (end < 0) return [0, text.length + 1];
  return [Number(text.slice(at + 1, end)), end + 2];
}

/**
 * The history of a room of one epoch from the journal alone: neither the gateways nor the broadcast are asked.
 * `windowMs` is the claim window, which must not change.
 */
export function historyFromJournal(folder: string, room: string, windowMs: number): History {
  const history = new History({});
  const prefix = `ropeline:{${room}}:`;
  const config = new Map<string, string>();
  const turns = new Map<string, number>();
  /** The turn that was given last, and the place taken last, by visitor. */
  const given = new Map<string, number>();
  const places = new Map<string, Extract<Happening, { readonly type: 'waits' }>>();
  const standing = new Map<string, 'queue' | 'admitted' | 'active'>();
  let now = 0;
  let sequence = 0;
  for (const step of readJournal(folder)) {
    const commands = step.flatMap(([name = '', key = '', ...words]) =>
      key.startsWith(prefix) ? [{ name: name.toUpperCase(), key: key.slice(prefix.length), words }] : [],
    );
    const happenings: Happening[] = [];
    const before = rulesText(config);
    for (const { name, key, words } of commands) {
      if (name === 'HSET' && key === 'pacer') now = Number(pairsOf(words).get('filledAt') ?? now);
      if (name === 'HSET' && key === 'turns')
        for (const [visitor, record] of pairsOf(words)) turns.set(visitor, Number(record.split(':')[0]));
      if (name === 'HSET' && key === 'config')
        for (const [field, value] of pairsOf(words)) config.set(field, value);
      if (name === 'HDEL' && key === 'config') for (const field of words) config.delete(field);
    }
    if (rulesText(config) !== before) happenings.push(rulesOf(config, now));
    // Who stood where is moved by the last command that names them: into a set, or out of the one they were in.
    const moved = new Map<string, { readonly to: string; readonly score: number } | undefined>();
    // Whose deadline has passed is cut off a set without being named; their turns are.
    const cut = new Set<string>();
    for (const { name, key, words } of commands) {
      const set = key.startsWith('queue:') ? 'queue' : key;
      if (set !== 'queue' && set !== 'admitted' && set !== 'active') continue;
      if (name === 'ZADD') {
        const plain = words.filter((word) => !/^(NX|XX|GT|LT|CH)$/.test(word));
        for (let i = 0; i + 1 < plain.length; i += 2)
          moved.set(plain[i + 1] ?? '', { to: key, score: Number(plain[i]) });
      } else if (name === 'ZREM') {
        for (const visitor of words) if (standing.get(visitor) === set) moved.set(visitor, undefined);
      } else if (name === 'ZREMRANGEBYRANK') cut.add(set);
    }
    for (const { name, key, words } of commands) {
      if (name !== 'HDEL' || key !== 'turns') continue;
      for (const visitor of words)
        if (cut.has(standing.get(visitor) ?? '') && !moved.has(visitor)) moved.set(visitor, undefined);
    }
    for (const [visitor, to] of moved) {
      const from = standing.get(visitor);
      const isLapse =
        from === 'admitted' && (to?.to.startsWith('queue:') || isOver(commands, visitor, 'lapsed'));
      if (isLapse) happenings.push({ type: 'lapsed', at: now, visitor });
      if (to === undefined) {
        if (!isLapse) happenings.push({ type: 'out', at: now, visitor });
        standing.delete(visitor);
      } else if (to.to === 'admitted') {
        const turn = turns.get(visitor) ?? 0;
        // What a gateway puts back after a restart of Redis may be there already.
        if (from === 'admitted' && given.get(visitor) === turn) continue;
        const stood = places.get(visitor);
        // Lapsed, back in front, and given the next turn, all at once.
        if (from === 'admitted' && stood !== undefined)
          happenings.push({ type: 'lapsed', at: now, visitor }, { ...stood, at: now });
        standing.set(visitor, 'admitted');
        given.set(visitor, turn);
        happenings.push({ type: 'admitted', at: to.score - windowMs, visitor, turn });
      } else if (to.to === 'active') {
        standing.set(visitor, 'active');
        if (from === 'admitted')
          happenings.push({ type: 'claimed', at: now, visitor, turn: turns.get(visitor) ?? 0 });
      } else {
        standing.set(visitor, 'queue');
        const place = { type: 'waits', at: now, visitor, lane: to.to, score: to.score } as const;
        places.set(visitor, place);
        happenings.push(place);
      }
    }
    sequence += 1;
    // Within a tick: what lapsed, then who waits, then who is admitted, in the order of their turns.
    for (const happening of happenings) history.add(sequence, orderOf(happening), happening);
  }
  return history;
}

function orderOf(happening: Happening): number {
  if (happening.type === 'admitted') return 1 + happening.turn;
  return happening.type === 'waits' ? 0 : -1;
}

type Command = { readonly name: string; readonly key: string; readonly words: readonly string[] };

function isOver(commands: readonly Command[], visitor: string, why: string): boolean {
  return commands.some(
    ({ name, key, words }) =>
      name === 'HSET' && key === 'over' && pairsOf(words).get(visitor)?.split(':')[0] === why,
  );
}

function pairsOf(words: readonly string[]): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (let i = 0; i + 1 < words.length; i += 2) pairs.set(words[i] ?? '', words[i + 1] ?? '');
  return pairs;
}

function rulesOf(config: ReadonlyMap<string, string>, at: number): Happening {
  const number = (field: string): number => Number(config.get(field) ?? 0);
  return {
    type: 'rules',
    at,
    ratePerMinute: number('admission.ratePerMinute'),
    burst: number('admission.burst'),
    capacity: number('admission.capacity'),
    serves: number('flag.paused') === 0,
  };
}

function rulesText(config: ReadonlyMap<string, string>): string {
  return JSON.stringify({ ...rulesOf(config, 0) });
}
