import { type TSchema, Type } from 'typebox';
import { RoomRules } from '../queue/rules.ts';

type ObjectSchema = TSchema & { readonly properties: Record<string, TSchema> };

/** The rules with every member optional at every depth: the form of a patch, for the API's description. */
export const RulesPatch: TSchema = optionalMembers(RoomRules as ObjectSchema);

function optionalMembers({ properties }: ObjectSchema): TSchema {
  return Type.Object(
    Object.fromEntries(
      Object.entries(properties).map(([name, schema]) => [
        name,
        Type.Optional('properties' in schema ? optionalMembers(schema as ObjectSchema) : schema),
      ]),
    ),
    { additionalProperties: false },
  );
}
