import { type TSchema, Type } from 'typebox';
import type { Setting } from './config.ts';
import { parseRedisAddress, type RedisForm } from './redis/address.ts';
import { tlsOf } from './redis/tls.ts';

type Extra<T> = { readonly fallback?: T; readonly unit?: string };

function setting<T>(
  env: string,
  doc: string,
  schema: TSchema,
  parse: (text: string) => unknown,
  extra: Extra<T> & { readonly secret?: boolean },
): Setting<T> {
  return {
    env,
    doc,
    schema,
    parse,
    fallback: extra.fallback,
    secret: extra.secret ?? false,
    ...(extra.unit === undefined ? {} : { unit: extra.unit }),
  };
}

const asText = (text: string): unknown => text;
const asNumber = (text: string): unknown => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text);
const asBoolean = (text: string): unknown => (text === 'true' ? true : text === 'false' ? false : text);
const asList = (text: string): unknown => text.split(',').map((part) => part.trim());

export function text(env: string, doc: string, extra: Extra<string> = {}): Setting<string> {
  return setting(env, doc, Type.String({ minLength: 1 }), asText, extra);
}

/** A setting that may be absent. */
export function optionalText(env: string, doc: string): Setting<string | undefined> {
  return setting(env, doc, Type.Union([Type.String({ minLength: 1 }), Type.Undefined()]), asText, {});
}

/** A secret of at least `minLength` characters; never logged. */
export function secret(env: string, doc: string, minLength = 32): Setting<string> {
  return setting(env, doc, Type.String({ minLength }), asText, { secret: true });
}

export function optionalSecret(env: string, doc: string, minLength = 32): Setting<string | undefined> {
  return setting(env, doc, Type.Union([Type.String({ minLength }), Type.Undefined()]), asText, {
    secret: true,
  });
}

/** A comma-separated list of secrets, empty when unset: the first signs, all verify. */
export function secretList(env: string, doc: string, minLength = 32): Setting<readonly string[]> {
  const schema = Type.Array(Type.String({ minLength }), { minItems: 1 });
  return setting(env, doc, schema, asList, { secret: true, fallback: [] });
}

export function list(env: string, doc: string, fallback: readonly string[]): Setting<readonly string[]> {
  return setting(env, doc, Type.Array(Type.String({ minLength: 1 })), asList, { fallback });
}

export function integer(
  env: string,
  doc: string,
  range: { readonly min: number; readonly max: number },
  extra: Extra<number> = {},
): Setting<number> {
  return setting(env, doc, Type.Integer({ minimum: range.min, maximum: range.max }), asNumber, extra);
}

/** A TCP port; 0 takes any free one. */
export function port(env: string, doc: string, fallback: number): Setting<number> {
  return integer(env, doc, { min: 0, max: 65_535 }, { fallback });
}

export function boolean(env: string, doc: string, fallback: boolean): Setting<boolean> {
  return setting(env, doc, Type.Boolean(), asBoolean, { fallback });
}

export function oneOf<const V extends string>(
  env: string,
  doc: string,
  values: readonly V[],
  fallback: V,
): Setting<V> {
  return setting(env, doc, Type.Union(values.map((value) => Type.Literal(value))), asText, { fallback });
}

export function url(env: string, doc: string, extra: Extra<string> = {}): Setting<string> {
  return setting(env, doc, Type.String({ pattern: '^[a-z][a-z0-9+.-]*://' }), asText, extra);
}

export function optionalUrl(env: string, doc: string): Setting<string | undefined> {
  return setting(
    env,
    doc,
    Type.Union([Type.String({ pattern: '^[a-z][a-z0-9+.-]*://' }), Type.Undefined()]),
    asText,
    {},
  );
}

/** The address of a Redis in one of these forms. It may hold a password: never shown. */
export function redisAddress(
  env: string,
  doc: string,
  forms: readonly RedisForm[],
  extra: Extra<string> = {},
): Setting<string> {
  return setting(env, doc, redisSchema(forms), asText, { ...extra, secret: true });
}

export function optionalRedisAddress(
  env: string,
  doc: string,
  forms: readonly RedisForm[],
): Setting<string | undefined> {
  return setting(env, doc, Type.Union([redisSchema(forms), Type.Undefined()]), asText, { secret: true });
}

function redisSchema(forms: readonly RedisForm[]) {
  return Type.Refine(
    Type.String({ title: `Redis address (${forms.join(', ')})` }),
    (text) => redisProblem(text, forms) === undefined,
    (text) => redisProblem(text, forms) ?? '',
  );
}

function redisProblem(text: string, forms: readonly RedisForm[]): string | undefined {
  try {
    const address = parseRedisAddress(text);
    const { kind } = address;
    tlsOf(address);
    return forms.includes(kind) ? undefined : `cannot be a ${kind}'s address here`;
  } catch (error) {
    return (error as Error).message;
  }
}
