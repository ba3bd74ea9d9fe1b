/** What k6 hands to `handleSummary`; the parts that are read. */
export type Summary = {
  readonly state: { readonly testRunDurationMs: number };
  readonly metrics: Record<string, Metric | undefined>;
};

export type Metric = {
  readonly values: Record<string, number | undefined>;
  readonly thresholds?: Record<string, { readonly ok: boolean }>;
};
