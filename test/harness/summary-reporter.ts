import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node'

import { skips } from './broker.ts'

/**
 * Ends a run with what passed only when tried again and why it failed before, what was skipped and why, and one
 * plain line: `N passed, N failed, N skipped`.
 */
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
    const flaky: string[] = []
    for (const module of modules) {
      const failedBefore = failed
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed++
        else if (state === 'failed') failed++
        else skipped++
        if (test.diagnostic()?.flaky === true) flaky.push(unsteady(module, test))
      }
      if (failed === failedBefore && !module.ok()) failed++
    }
    const lines = [...flaky, ...skips().map(({ suite, reason }) => `SKIPPED: ${suite}: ${reason}`)]
    lines.push(`${passed} passed, ${failed} failed, ${skipped} skipped`)
    this.#vitest?.logger.log(lines.join('\n'))
  }
}

/** A test that a retry saved is a defect that waits: what it failed with must not be lost. */
function unsteady(module: TestModule, test: TestCase): string {
  const { errors } = test.result()
  const why = (errors ?? []).map(error => error.stack ?? error.message).join('\n')
  return `UNSTEADY: ${module.relativeModuleId} > ${test.fullName}\n${why.replaceAll(/^/gm, '  ')}`
}
