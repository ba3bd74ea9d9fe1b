import { defaultRules, type RoomRules } from './rules.ts';

/**
 * How rules lie in the `config` hash: scalars one field each (so that scripts read numbers: booleans as 0 and 1),
 * lanes as `name:weight,...`, and what only gateways read as JSON.
 */
const scalarFields = [
  'admission.ratePerMinute',
  'admission.burst',
  'admission.capacity',
  'queue.method',
  'queue.beacon',
  'queue.alwaysOn',
  'queue.inviteOnly',
  'queue.threshold.ratePerMinute',
  'queue.threshold.active',
  'queue.maxWaiting',
  'schedule.prequeueAt',
  'schedule.opensAt',
  'schedule.closesAt',
  'claim.windowSeconds',
  'claim.confirm',
  'claim.lapsesAllowed',
  'session.ttlSeconds',
  'session.renew',
  'presence.graceSeconds',
  'presence.leaseSeconds',
  'upstream',
  'stock.follow',
  'onFailure',
  'page.message',
] as const;
const jsonFields = ['match', 'bypass'] as const;
const textFields: ReadonlySet<string> = new Set([
  'queue.method',
  'queue.beacon',
  'claim.confirm',
  'upstream',
  'onFailure',
  'page.message',
]);
const booleanFields: ReadonlySet<string> = new Set([
  'queue.alwaysOn',
  'queue.inviteOnly',
  'session.renew',
  'stock.follow',
]);

type Tree = { [key: string]: unknown };

function at(tree: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((node, key) => (node as Tree | undefined)?.[key], tree);
}

function put(tree: Tree, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() as string;
  let node = tree;
  for (const key of keys) {
    node[key] ??= {};
    node = node[key] as Tree;
  }
  node[last] = value;
}

/** Fields of the config hash; an empty value means that the field is absent. */
export function toFields(rules: RoomRules): Map<string, string> {
  const fields = new Map<string, string>();
  for (const path of scalarFields) {
    const value = at(rules, path);
    fields.set(
      path,
      value === undefined ? '' : typeof value === 'boolean' ? (value ? '1' : '0') : String(value),
    );
  }
  for (const path of jsonFields) fields.set(path, JSON.stringify(at(rules, path)));
  fields.set('lanes', lanesText(rules));
  return fields;
}

/** The rules in a config hash; fields that are absent have their defaults. */
export function fromFields(fields: ReadonlyMap<string, string>): RoomRules {
  const tree = structuredClone(defaultRules) as unknown as Tree;
  for (const path of scalarFields) {
    const text = fields.get(path);
    if (text === undefined) continue;
    put(tree, path, textFields.has(path) ? text : booleanFields.has(path) ? text === '1' : Number(text));
  }
  for (const path of jsonFields) {
    const text = fields.get(path);
    if (text !== undefined) put(tree, path, JSON.parse(text));
  }
  const lanes = fields.get('lanes');
  if (lanes !== undefined) put(tree, 'lanes', parseLanes(lanes));
  // Decode boundary: only toFields of checked rules writes these fields.
  return tree as unknown as RoomRules;
}

export function lanesText(rules: RoomRules): string {
  return rules.lanes.map((lane) => `${lane.name}:${lane.weight}`).join(',');
}

function parseLanes(text: string): { name: string; weight: number }[] {
  return text.split(',').map((part) => {
    const [name = '', weight = '1'] = part.split(':');
    return { name, weight: Number(weight) };
  });
}

/** The fields in which two sets of rules differ, with the new values. */
export function changedFields(before: RoomRules, after: RoomRules): readonly (readonly [string, string])[] {
  const old = toFields(before);
  return [...toFields(after)].filter(([field, value]) => old.get(field) !== value);
}
