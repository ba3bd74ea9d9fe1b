import { defineConfig } from 'vitest/config';
import { LongFilesFirst } from './testing/long-files-first.ts';

/** Far beyond what any of them takes: how long one may hang, not how fast it must be. */
const integration = { globalSetup: ['testing/global-setup.ts'], testTimeout: 180_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    clearMocks: true,
    expect: { poll: { timeout: 60_000, interval: 20 } },
    maxWorkers: 4,
    sequence: { sequencer: LongFilesFirst },
    projects: [
      { extends: true, test: { name: 'unit', include: ['*/test/unit/**/*.test.ts'], testTimeout: 60_000 } },
      {
        extends: true,
        test: { name: 'integration', include: ['*/test/integration/**/*.test.ts'], ...integration },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['e2e/*.test.ts'],
          globalSetup: ['e2e/support/build-pages.ts'],
          maxWorkers: 2,
          testTimeout: 400_000,
          hookTimeout: 400_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['e2e/browser/*.test.ts'],
          globalSetup: ['e2e/support/build-pages.ts'],
          fileParallelism: false,
          testTimeout: 400_000,
          hookTimeout: 400_000,
        },
      },
    ],
  },
});
