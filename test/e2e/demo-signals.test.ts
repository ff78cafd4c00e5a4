import { readdirSync, readFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { requireServers, startProcess, temporaryFolder, waitUntil } from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'

const here = await requireServers('demo: signals', 'postgres')

describe.skipIf(here.missing)('the demo', () => {
  test.for([
    ['SIGINT', 'Servers: found or fetched', 130],
    ['SIGTERM', 'Servers: started', 143],
    ['SIGINT', 'backups go to', 130],
    ['SIGTERM', 'globals', 143],
    ['SIGINT', 'It goes on running', 130],
  ] as const)(
    '%s at "%s" leaves no process and no folder, exit %i',
    { timeout: 120_000 },
    async ([signal, moment, exit]) => {
      await using folder = await temporaryFolder()
      // PostgreSQL, which refuses root, must get through it
      await chmod(folder.path, 0o711)
      // a temporary folder of its own shows all that is left, and marks every process by its environment
      const log = join(folder.path, 'log')
      const mark = `TMPDIR=${folder.path}`
      const demo = await startProcess(
        process.execPath,
        [join(projectRoot, 'demo/run.ts'), '--keep', '--scale', '0.02'],
        {
          name: 'demo',
          env: { ...process.env, TMPDIR: folder.path, HOLDFAST_TEST_BROKER: '' },
          cwd: projectRoot,
          logFile: log,
        },
      )
      await waitUntil(() => !demo.running || readFileSync(log, 'utf8').includes(moment), {
        what: `the demo to say "${moment}"`,
        timeout: 90_000,
      })
      expect(demo.running, readFileSync(log, 'utf8')).toBe(true)
      demo.signal(signal)
      expect(await demo.exited, readFileSync(log, 'utf8')).toEqual({ code: exit, signal: null })
      await waitUntil(() => marked(mark).length === 0, { what: 'every process to go', timeout: 5_000 }).catch(
        () => undefined,
      )
      expect(marked(mark)).toEqual([])
      expect(readdirSync(folder.path)).toEqual(['log'])
    },
  )
})

/** Commands of the processes that have this in their environment. */
function marked(variable: string): string[] {
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .flatMap(pid => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
        return environment.includes(variable)
          ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')]
          : []
      } catch {
        return []
      }
    })
}
