import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Longest first, by what they take on two cores: a long file that begins late is what a run waits for in the end. Size,
 * by which vitest goes where nothing ran before, tells little of that.
 */
const longest = [
  'ticket-service/test/integration/order-history',
  'ticket-service/test/integration/kill-points-workers',
  'ticket-service/test/integration/reconciler',
  'ticket-service/test/integration/kill-points.',
  'ticket-service/test/integration/kill-points-building',
  'ticket-service/test/integration/orders.',
  'ticket-service/test/integration/seeded-bugs',
  'ticket-service/test/integration/payment-ledger',
];

const place = ({ moduleId }: TestSpecification): number => {
  const at = longest.findIndex((name) => moduleId.includes(name));
  return at < 0 ? longest.length : at;
};

export class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
