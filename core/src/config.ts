import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** One setting: where it comes from, what it may be, and what the documentation says of it. */
export type Setting<T> = {
  readonly env: string;
  readonly schema: TSchema;
  readonly fallback: T | undefined;
  readonly unit?: string;
  readonly secret: boolean;
  readonly doc: string;
  readonly parse: (text: string) => unknown;
};

export type Settings = Record<string, Setting<unknown>>;
export type Values<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** All problems of a configuration at once; the message is meant for the person who set it. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads the settings from an environment. An empty variable counts as unset.
 * Throws {@link ConfigError} naming every problem; the value of a secret is never shown.
 */
export function loadSettings<const S extends Settings>(
  settings: S,
  env: Record<string, string | undefined>,
): Values<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const text = env[setting.env];
    if (text === undefined || text === '') {
      if (setting.fallback === undefined && !Value.Check(setting.schema, undefined)) {
        problems.push(`${setting.env} is required: ${setting.doc}`);
      }
      values[name] = setting.fallback;
      continue;
    }
    const value = setting.parse(text);
    const [error] = Value.Errors(setting.schema, value);
    if (error !== undefined) {
      const shown = setting.secret ? 'its value' : JSON.stringify(text);
      problems.push(`${setting.env}: ${shown} ${error.message} (${setting.doc})`);
    }
    values[name] = value;
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as Values<S>;
}
