export type Step = 'joined' | 'admitted' | 'claimed' | 'bought' | 'soldOut' | 'left' | 'over';

/** What a crowd has come to; a visitor reports each step once. */
export class Board {
  readonly #size: number;
  readonly #counts: Record<Step, number> = {
    joined: 0,
    admitted: 0,
    claimed: 0,
    bought: 0,
    soldOut: 0,
    left: 0,
    over: 0,
  };
  readonly #errors = new Map<string, number>();
  readonly #waitsMs: number[] = [];
  readonly #started = performance.now();

  constructor(size: number) {
    this.#size = size;
  }

  get errors(): number {
    return [...this.#errors.values()].reduce((sum, count) => sum + count, 0);
  }

  count(step: Step): void {
    this.#counts[step] += 1;
  }

  /** From the join to the turn. */
  waited(ms: number): void {
    this.#waitsMs.push(ms);
  }

  error(what: string): void {
    this.#errors.set(what, (this.#errors.get(what) ?? 0) + 1);
  }

  /** Keeps one line up to date (on a terminal), or prints one every five seconds. Returns how to end that. */
  draw(): () => void {
    const { isTTY } = process.stdout;
    const timer = setInterval(
      () => process.stdout.write(isTTY ? `\r\x1b[K${this.#line()}` : `${this.#line()}\n`),
      isTTY ? 250 : 5_000,
    );
    return () => {
      clearInterval(timer);
      if (isTTY) process.stdout.write('\r\x1b[K');
    };
  }

  report(): string {
    const { joined, admitted, claimed, bought, soldOut, left, over } = this.#counts;
    const rows: [string, string | number][] = [
      ['joined', joined],
      ['admitted', admitted],
      ['claimed', claimed],
      ...(bought + soldOut > 0
        ? ([
            ['bought', bought],
            ['told "sold out" at the till', soldOut],
          ] as [string, number][])
        : []),
      ...(over > 0 ? ([['told that the queue is over', over]] as [string, number][]) : []),
      ...(left > 0 ? ([['left while waiting', left]] as [string, number][]) : []),
      ['wait p50', `${seconds(this.#wait(0.5))} s`],
      ['wait p90', `${seconds(this.#wait(0.9))} s`],
      ['errors', this.errors],
      ...[...this.#errors].map(([what, count]) => [`  ${what}`, count] as [string, number]),
    ];
    const width = Math.max(...rows.map(([name]) => name.length)) + 2;
    return rows.map(([name, value]) => `  ${name.padEnd(width)}${String(value).padStart(8)}`).join('\n');
  }

  #line(): string {
    const { joined, admitted, claimed, bought } = this.#counts;
    const parts = [`joined ${joined}/${this.#size}`, `admitted ${admitted}`, `claimed ${claimed}`];
    if (bought > 0) parts.push(`bought ${bought}`);
    if (this.errors > 0) parts.push(`errors ${this.errors}`);
    return `${seconds(performance.now() - this.#started).padStart(6)} s  ${parts.join('  ')}`;
  }

  #wait(share: number): number {
    const sorted = this.#waitsMs.toSorted((a, b) => a - b);
    return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
  }
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
