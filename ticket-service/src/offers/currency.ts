/** Of codes that begin with X, ISO 4217 gives these to countries; the others are metals, units of account and none. */
const ofUnions = ['XAF', 'XCD', 'XCG', 'XOF', 'XPF'];

/** Money that somebody can pay with: of ISO 4217, as far as this Node's Unicode data lists it. */
const currencies: ReadonlySet<string> = new Set([
  ...Intl.supportedValuesOf('currency').filter((code) => !code.startsWith('X')),
  ...ofUnions,
]);

export function isCurrency(code: string): boolean {
  return currencies.has(code);
}
