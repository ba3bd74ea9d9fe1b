import { eventSchema, eventTypes } from '../../core/src/events/catalogue.ts';

/** Text of docs/events.schema.json. */
export function eventsSchemaFile(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'An event of Ropeline',
    oneOf: eventTypes.map(eventSchema),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}
