/** Units of one offer; what is left is `capacity - held - sold`. */
export type StockCounts = {
  readonly capacity: number;
  readonly held: number;
  readonly sold: number;
};

/** The stock as this process remembers it: at most a second old, for showing and for refusing early. */
export type StockSource = {
  /** Undefined while it is not known. */
  readonly read: (offerId: number) => StockCounts | undefined;
  /** Calls back whenever the remembered counts of an offer change; returns how to stop that. */
  readonly onChange: (listener: (offerId: number) => void) => () => void;
};

export function free({ capacity, held, sold }: StockCounts): number {
  return capacity - held - sold;
}
