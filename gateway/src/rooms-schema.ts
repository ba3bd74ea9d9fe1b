import { roomNamePattern } from '@ropeline/core/redis/room-keys.ts';
import { type TSchema, Type } from 'typebox';
import { RulesPatch } from './control-plane/rules-patch.ts';

/**
 * JSON Schema of a rooms file, for editors and other programs; `npm run docs` writes it to docs/rooms.schema.json.
 * It says less than the gateway checks: what spans several rules, and several rooms, only `--check-config` finds.
 */
export const RoomsFileSchema: TSchema = Type.Object(
  {
    rooms: Type.Object(
      {},
      {
        description: 'Rooms by name. What one leaves out has its default; null is the default too.',
        propertyNames: { pattern: roomNamePattern },
        additionalProperties: { anyOf: [nullable({ ...RulesPatch }), { type: 'null' }] },
      },
    ),
  },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Rooms of Ropeline',
    description: 'Rooms that a gateway makes when it starts, unless they were ever made before.',
    additionalProperties: false,
  },
);

type Plain = { readonly [key: string]: unknown };

/** Every member of the rules may be null, at every depth. */
function nullable(schema: Plain): Plain {
  // Decode boundary: what TypeBox makes is a JSON Schema, and so are the members of one.
  const properties = schema['properties'] as Record<string, Plain> | undefined;
  if (properties === undefined) return schema;
  const members = Object.entries(properties).map(([name, member]) => {
    const { description, ...rest } = nullable(member);
    return [
      name,
      { anyOf: [rest, { type: 'null' }], ...(description === undefined ? {} : { description }) },
    ] as const;
  });
  return { ...schema, properties: Object.fromEntries(members) };
}
