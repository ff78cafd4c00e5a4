import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { requireServers, run } from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'

const here = await requireServers('demo', 'postgres')
describe.skipIf(here.missing)('the demo', () => {
  const demo = (...args: string[]) =>
    run(process.execPath, [join(projectRoot, 'demo/run.ts'), ...args], {
      cwd: projectRoot,
      env: { ...process.env, HOLDFAST_TEST_BROKER: '' },
      allowFailure: true,
    })

  test('with --json proves the whole way on small data, and stdout is one line', {
    timeout: 150_000,
  }, async () => {
    const { stdout, stderr, code } = await demo('--json', '--scale', '0.02')
    expect(code, stderr).toBe(0)
    expect(stdout.split('\n')).toHaveLength(2)
    const result = JSON.parse(stdout)
    expect(Object.keys(result)).toEqual([
      ...['ok', 'databases', 'backups', 'verified', 'proven', 'stored_bytes', 'raw_bytes', 'seconds'],
    ])
    expect(result.ok).toBe(true)
    expect(result.databases).toBeGreaterThanOrEqual(3)
    // the globals are a backup and no database
    expect(result.backups).toBe(result.databases + 1)
    expect(result.verified).toBe(result.databases)
    expect(result.proven).toBe(result.databases)
    expect(result.stored_bytes).toBeLessThan(result.raw_bytes)
    expect(stderr).toContain('$ holdfast gap list\nno gap')
  })

  test('a wrong option is refused with a word on what is right', async () => {
    const { stderr, code } = await demo('--scale', 'huge')
    expect(code).toBe(1)
    expect(stderr).toContain('--scale takes a number above 0')
  })
})
