import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { processAlive, run, startProcess, temporaryFolder, waitUntil } from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'

const fixtures = join(projectRoot, 'test/harness/fixtures')
const vitest = join(projectRoot, 'node_modules/vitest/vitest.mjs')
const args = (name: string) => [
  vitest,
  'run',
  '--config',
  join(fixtures, 'vitest.config.ts'),
  `${name}.fixture.ts`,
]
const env = { ...process.env, HOLDFAST_PROVISION: 'off', HOLDFAST_TEST_BROKER: '', NO_COLOR: '1' }

async function runFixture(name: string) {
  const { stdout, stderr, code } = await run(process.execPath, args(name), {
    env,
    cwd: fixtures,
    allowFailure: true,
  })
  return { code, stderr, output: stdout + stderr, lastLine: stdout.trim().split('\n').at(-1) }
}

describe('a run of tests with this harness', () => {
  test('fails a file that leaves a child, a listener or a folder behind, though its tests pass', async () => {
    const { code, lastLine } = await runFixture('leaky')
    expect(code).not.toBe(0)
    expect(lastLine).toBe('1 passed, 1 failed, 0 skipped')
  })

  test('says of every skipped suite why, at once and in the end', async () => {
    const { code, output, lastLine } = await runFixture('clean')
    expect(lastLine).toBe('1 passed, 0 failed, 2 skipped')
    expect(code).toBe(0)
    const said = output.match(/^SKIPPED: a suite that needs S3: s3 is not on this host, .*$/gm)
    expect(said).not.toBeNull()
  })

  test('counts a file that does not load as a failure', async () => {
    const { code, lastLine } = await runFixture('broken')
    expect(code).not.toBe(0)
    expect(lastLine).toBe('0 passed, 1 failed, 0 skipped')
  })

  test.for(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'leaves no process and no folder when %s ends it',
    async signal => {
      await using folder = await temporaryFolder()
      const logFile = join(folder.path, 'log')
      const whole = await startProcess(process.execPath, args('waiting'), {
        name: 'vitest',
        env,
        cwd: fixtures,
        logFile,
      })
      const held = await waitUntil(() => /HELD (\d+) (\S+)/.exec(readFileSync(logFile, 'utf8')), {
        what: 'the fixture to hold a child',
        timeout: 20_000,
      })
      const [, pid = '', path = ''] = held
      expect(processAlive(Number(pid))).toBe(true)
      await whole.stop(signal, 15_000)
      await waitUntil(() => !processAlive(Number(pid)), { what: 'the child to die', timeout: 15_000 })
      await waitUntil(() => !existsSync(join(path, '..')), { what: 'the folders to go', timeout: 15_000 })
    },
  )
})
