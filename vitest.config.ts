import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: 'tsconfig.json' },
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Tests mostly wait on databases, so two files at once pay off even on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Tests slower than this are named in the output.
    slowTestThreshold: 5_000,
  },
})
