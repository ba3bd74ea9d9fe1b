import { type TStringOptions, Type } from 'typebox';

/** Text that Postgres keeps or compares: it knows no NUL character. */
export const storedText = (options: TStringOptions) => Type.String({ pattern: '^[^\\u0000]*$', ...options });
