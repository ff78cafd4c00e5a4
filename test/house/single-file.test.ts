import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from './project.ts'

/**
 * A release may become one CommonJS file: no top-level await, empty `import.meta`, no worker files (pino
 * transports). What would break it is kept out from the first day.
 */
const entries = ['cli/holdfast.ts', 'agent/main.ts', 'coordinator/main.ts']
/** The forecast's thread is many modules: a single-file release builds it as a second file beside the first. */
const assets = ['coordinator/rpc/contract-files.ts', 'coordinator/operations/forecast-thread.ts']

const topLevelAwait = /^(?!\s|\/\/|\*|export (default )?async|async )[^'"`\n]*\bawait\b/m
const importMeta = /\bimport\.meta\b/
const transport = /\btransport:|pino\.transport\b/

const files = globSync('{shared,coordinator,agent,cli}/**/*.ts', { cwd: root }).filter(
  file => !file.startsWith('shared/wire/gen/'),
)
const holding = (pattern: RegExp) =>
  files.filter(file => pattern.test(readFileSync(join(root, file), 'utf8')))

describe('a single-file build stays possible', () => {
  test('the patterns catch what they are for, and there is something to search', () => {
    expect(files.length).toBeGreaterThan(100)
    for (const crime of [
      'await main()',
      'const x = await y()',
      'process.exitCode = await run()',
      'for await (const x of y) {}',
    ])
      expect(crime).toMatch(topLevelAwait)
    for (const lawful of [
      'async function f() {\n  await g()\n}',
      '// await',
      'export async function f(): Promise<void> {}',
      "import 'await'",
    ])
      expect(lawful).not.toMatch(topLevelAwait)
  })

  test('only entry files await at the top level', () => {
    expect(holding(topLevelAwait).filter(file => !entries.includes(file))).toEqual([])
  })

  test('only the module of the assets asks where it lies', () => {
    expect(holding(importMeta).filter(file => !assets.includes(file))).toEqual([])
  })

  test('logs are written in the process, not by a transport', () => {
    expect(holding(transport).filter(file => file.startsWith('shared/log/'))).toEqual([])
  })
})
