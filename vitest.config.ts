import { availableParallelism } from 'node:os'
import process from 'node:process'
import { defineConfig } from 'vitest/config'

/** Where to leave the results for `npm run conformance -- --report`. */
const report = process.env['WAYBILL_TEST_REPORT']

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    ...(report !== undefined && { reporters: ['default', 'json'], outputFile: { json: report } }),
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: 'tsconfig.json' },
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Tests mostly wait on databases, so two files at once pay off even on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Ends what hangs. The largest cases write 100,000 rows, on however busy a machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Tests slower than this are named in the output.
    slowTestThreshold: 5_000,
  },
})
