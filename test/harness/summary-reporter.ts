import type { Reporter, TestModule, Vitest } from 'vitest/node'

import { skips } from './broker.ts'

/** Ends a run with what was skipped and why, and one plain line: `N passed, N failed, N skipped`. */
export default class SummaryReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    let passed = 0
    let skipped = 0
    // A file that does not load, an error outside any test and a failing hook count as failures too
    let failed = unhandled.length
    for (const module of modules) {
      const failedBefore = failed
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed++
        else if (state === 'failed') failed++
        else skipped++
      }
      if (failed === failedBefore && !module.ok()) failed++
    }
    const lines = skips().map(({ suite, reason }) => `SKIPPED: ${suite}: ${reason}`)
    lines.push(`${passed} passed, ${failed} failed, ${skipped} skipped`)
    this.#vitest?.logger.log(lines.join('\n'))
  }
}
