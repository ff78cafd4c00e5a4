import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Attempts } from '../../../agent/jobs/attempts.ts'
import type { CrashPoint } from '../../../agent/jobs/crash-point.ts'
import { requireServers, temporaryFolder } from '../../harness/index.ts'
import { content, copiesWorld } from './copies-world.ts'
import { newAttempt } from './world.ts'

const servers = await requireServers('agent killed with two destinations', 'pv')

/** The agent dies at `point` of a backup to two destinations; then another one starts in the same state folder. */
async function crashAndRecover(root: string, point: CrashPoint | `${CrashPoint}:2` | `${CrashPoint}:3`) {
  for (const name of ['one', 'two', 'state']) await mkdir(join(root, name))
  const attempt = newAttempt()
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'crash-child.ts'), root, JSON.stringify(attempt), 'both'],
    { env: { ...process.env, HOLDFAST_TEST_CRASH_AT: point }, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const [, signal] = await once(child, 'close')
  expect(signal, `the child was not killed at ${point}`).toBe('SIGKILL')
  const world = await copiesWorld(root)
  const attempts = new Attempts({ world, slots: 1, onResult: () => {}, onAsked: () => {}, send: () => false })
  await attempts.recoverAll()
  await attempts.idle()
  expect(await world.journal.records()).toEqual([])
  return world.spool.ofAttempt(attempt.attemptId)
}

describe.skipIf(servers.missing)('the agent is killed (-9) during a backup to two destinations', () => {
  it.each(['after-upload-opened', 'before-completing'] as const)(
    'at %s: every upload is aborted in both, the attempt fails',
    async point => {
      await using folder = await temporaryFolder('copies-crash')
      expect(await crashAndRecover(folder.path, point)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'job.agent-restarted' },
        copies: [
          { state: 'missing', debris: [] },
          { state: 'missing', debris: [] },
        ],
      })
      for (const name of ['one', 'two'])
        expect(await content(folder.path, name)).toEqual({ objects: {}, uploads: [] })
    },
  )

  it.each([
    'after-completing',
    'after-complete:3',
    'after-committing',
    'after-manifest-put',
    'after-manifest-read-back',
    'before-result',
  ] as const)('at %s: it ends with the same backup in both', async point => {
    await using folder = await temporaryFolder('copies-crash')
    expect(await crashAndRecover(folder.path, point)).toMatchObject({
      outcome: 'succeeded',
      copies: [
        { destination: 'one', state: 'present' },
        { destination: 'two', state: 'present' },
      ],
    })
    const one = await content(folder.path, 'one')
    expect(Object.keys(one.objects)).toHaveLength(3)
    expect(one.uploads).toEqual([])
    expect(await content(folder.path, 'two')).toEqual(one)
  })
})
