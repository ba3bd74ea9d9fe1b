import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { defaultRules } from '../../../gateway/src/queue/rules.ts';
import { roomsSchemaFile } from '../../docs/rooms-schema.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, root)), 'utf8');
const schema = JSON.parse(read('docs/rooms.schema.json'));
const accepts = (rooms: unknown): boolean => Value.Check(schema, { rooms });

describe('the published schema of the rooms file', () => {
  test('is the one of the code (npm run docs)', () => {
    expect(read('docs/rooms.schema.json')).toBe(roomsSchemaFile());
  });

  test('is named by the shipped file, which it accepts', () => {
    const text = read('rooms.yaml');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=docs/rooms.schema.json');
    expect(Value.Check(schema, parse(text))).toBe(true);
  });

  test('accepts every rule, a room with none, and null for a default', () => {
    expect(accepts({ all: { ...defaultRules, upstream: 'https://shop.example' } })).toBe(true);
    expect(accepts({ bare: {}, empty: null })).toBe(true);
    expect(accepts({ one: { admission: { burst: null }, schedule: null } })).toBe(true);
  });

  test.each([
    ['a rule that there is not', { one: { admision: {} } }],
    ['a nested rule that there is not', { one: { admission: { rate: 5 } } }],
    ['a number that is a word', { one: { admission: { ratePerMinute: 'fast' } } }],
    ['a name with capitals', { Big: {} }],
    ['no rooms at all', undefined],
  ])('refuses %s', (_what, rooms) => {
    expect(accepts(rooms)).toBe(false);
  });
});
