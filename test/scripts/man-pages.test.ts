import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { manPages } from '../../scripts/man-pages.ts'
import { provision, requireServers } from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'
import { run } from '../harness/run.ts'

const here = await requireServers('man pages', 'groff')

describe.skipIf(here.missing)('man pages', () => {
  const set = async (page: string) => {
    const found = await provision('groff')
    if (!found.available) throw new Error(found.reason)
    return run(
      join(found.bin, 'groff'),
      ['-K', 'utf8', '-T', 'utf8', '-P', '-cbou', '-man', '-ww', '-rLL=80n', page],
      { allowFailure: true },
    )
  }

  test('are set without a warning, and nothing sticks out of 80 columns but what must not be broken', async () => {
    for (const path of Object.keys(manPages())) {
      const { code, stdout, stderr } = await set(join(projectRoot, path))
      expect({ path, code, stderr }).toEqual({ path, code: 0, stderr: '' })
      expect(stdout).toContain('SYNOPSIS')
      const wide = stdout.split('\n').filter(line => [...line].length > 80)
      // examples stand as they are to be typed
      for (const line of wide) expect(line, path).toMatch(/holdfast|\$|--/)
    }
  })

  test('a warning would be seen', async () => {
    const { stderr } = await set('/dev/null')
    expect(stderr).toBe('')
    const bad = join(projectRoot, 'test/scripts/man-pages-bad.1')
    expect((await set(bad)).stderr).toMatch(/warning/)
  })
})
