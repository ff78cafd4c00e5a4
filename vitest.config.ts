import { join } from 'node:path'
import { configDefaults, defineConfig } from 'vitest/config'

// What a worker, or a program that a test starts, has compiled once is not compiled again: half the processor time of
// starting a program
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled')

// A process of their own each, which costs a second of processor time: whoever runs a whole Holdfast or breaks what it
// stands on, and whoever changes or measures the process itself. All others share one process for each worker, file after
// file; what a file leaves behind there fails it (test/harness/leak-check.ts)
const alone = [
  'test/{e2e,faults,integration,conformance,demo,bench}/**/*.test.ts',
  // measures the heap
  'test/coordinator/rpc/flood-memory.test.ts',
]

const forEach = {
  // Time for a busy machine; nothing asserts on it
  testTimeout: 60_000,
  // On a shared machine a server may die of somebody else's load: CI tries again, and says so
  retry: process.env['CI'] === undefined ? 0 : 2,
  hookTimeout: 120_000,
  // A second, the default, is too short for a process to die on a busy machine
  expect: { poll: { timeout: 15_000, interval: 25 } },
  // Forks, since servers die with the thread that started them, and that must be a main thread
  pool: 'forks' as const,
  setupFiles: ['test/harness/leak-check.ts'],
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    globalSetup: ['test/harness/global-setup.ts'],
    reporters: ['default', './test/harness/summary-reporter.ts'],
    projects: [
      { test: { ...forEach, name: 'alone', include: alone } },
      {
        test: {
          ...forEach,
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...alone],
          isolate: false,
        },
      },
    ],
  },
})
