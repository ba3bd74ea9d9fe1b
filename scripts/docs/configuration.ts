import type { Setting, Settings } from '@ropeline/core/config.ts';
import type { TSchema } from 'typebox';

export type ProcessSettings = {
  readonly title: string;
  readonly about: string;
  readonly settings: Settings;
};

/** docs/configuration.md: what the processes say of their own settings. */
export function configurationPage(processes: readonly ProcessSettings[]): string {
  return [
    '# Configuration',
    '',
    '<!-- Written by `npm run docs` from the settings of the processes; a test compares them. -->',
    '',
    'Every setting is an environment variable; an empty one counts as unset. A process reads all of them at its start,',
    'names every problem at once and never shows the value of a secret; `node <process>/src/main.ts --check-config`',
    'does only that. Under `npm start` the environment reaches every process, the addresses of neighbours are filled in,',
    'and the secrets are made once under `DATA_DIR/secrets`.',
    '',
    'The rules of rooms (rate, capacity, windows, ...) are not here: they are read from `ROOMS_FILE` at the first start and',
    'changed over the control plane ever after.',
    ...processes.flatMap(section),
    '',
  ].join('\n');
}

function section({ title, about, settings }: ProcessSettings): string[] {
  return [
    '',
    `## ${title}`,
    '',
    about,
    '',
    '| variable | type | default | what |',
    '|---|---|---|---|',
    ...Object.values(settings).map(row),
  ];
}

function row(setting: Setting<unknown>): string {
  const type = [describe(setting.schema), setting.unit && `in ${setting.unit}`].filter(Boolean).join(', ');
  const cells = [
    `\`${setting.env}\``,
    `${setting.secret ? 'secret: ' : ''}${type}`,
    fallback(setting),
    setting.doc,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function fallback({ fallback: value, schema }: Setting<unknown>): string {
  if (value === undefined) return isOptional(schema) ? 'none' : '**required**';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `\`${value.join(',')}\``;
  return `\`${value}\``;
}

/** The JSON Schema that a TypeBox schema is, as far as settings use it. */
type Json = {
  readonly type?: string;
  readonly title?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Json[];
  readonly items?: Json;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
};

function isOptional(schema: TSchema): boolean {
  return (schema as Json).anyOf?.some((part) => part.type === 'undefined') ?? false;
}

function describe(schema: TSchema | Json): string {
  const json = schema as Json;
  if (json.anyOf !== undefined) {
    const parts = json.anyOf.filter((part) => part.type !== 'undefined');
    return parts.map(describe).join(' | ');
  }
  if (json.title !== undefined) return json.title;
  if (json.const !== undefined) return `\`${json.const}\``;
  switch (json.type) {
    case 'integer':
      return `integer ${json.minimum}..${json.maximum}`;
    case 'array':
      return `comma-separated list of ${describe(json.items ?? {})}`;
    case 'string': {
      if (json.pattern?.includes('://') === true) return 'URL';
      return (json.minLength ?? 0) > 1 ? `text of at least ${json.minLength} characters` : 'text';
    }
    default:
      return json.type ?? 'text';
  }
}
