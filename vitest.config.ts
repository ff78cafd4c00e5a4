import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// What a worker, or a program that a test starts, has compiled once is not compiled again: half the processor time of
// starting a program
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled')

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Time for a busy machine; nothing asserts on it
    testTimeout: 60_000,
    // On a shared machine a server may die of somebody else's load: CI tries again, and says so
    retry: process.env['CI'] === undefined ? 0 : 2,
    hookTimeout: 120_000,
    // A second, the default, is too short for a process to die on a busy machine
    expect: { poll: { timeout: 15_000, interval: 25 } },
    // Forks, since servers die with the thread that started them, and that must be a main thread
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: ['test/harness/global-setup.ts'],
    setupFiles: ['test/harness/leak-check.ts'],
    reporters: ['default', './test/harness/summary-reporter.ts'],
  },
})
