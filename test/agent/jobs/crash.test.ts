import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Attempts } from '../../../agent/jobs/attempts.ts'
import type { CrashPoint } from '../../../agent/jobs/crash-point.ts'
import { processAlive, requireServers, temporaryFolder } from '../../harness/index.ts'
import { readManifestStrictly } from '../../harness/manifest-schema.ts'
import { bucketContent, folders, makeWorld, newAttempt } from './world.ts'

const servers = await requireServers('agent killed at each journal phase', 'pv')

/** The agent's process dies at `point`; then another one starts in the same state folder. */
async function crashAndRecover(root: string, point: CrashPoint | `${CrashPoint}:2`) {
  const attempt = newAttempt()
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'crash-child.ts'), root, JSON.stringify(attempt)],
    { env: { ...process.env, HOLDFAST_TEST_CRASH_AT: point }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  child.stderr.on('data', chunk => {
    output += chunk
  })
  const [, signal] = await once(child, 'close')
  expect(signal, `the child was not killed at ${point}: ${output}`).toBe('SIGKILL')

  const places = await folders(root)
  const world = await makeWorld(places)
  const records = await world.journal.records()
  const attempts = new Attempts({ world, slots: 1, onResult: () => {}, onAsked: () => {}, send: () => false })
  await attempts.recoverAll()
  const listed = attempts.running()
  await attempts.idle()
  return {
    attempt,
    world,
    listed,
    children: records.flatMap(record => (record.phase === 'open' ? record.children : [])),
    result: world.spool.ofAttempt(attempt.attemptId),
    pending: world.spool.pending().length,
    journal: await world.journal.records(),
    bucket: await bucketContent(places.bucket),
    bucketPath: places.bucket,
  }
}

describe.skipIf(servers.missing)('the agent is killed (-9) and started again', () => {
  beforeAll(() => expect(process.platform).toBe('linux'))

  it('before `open`: nothing was begun, nothing is told', async () => {
    await using folder = await temporaryFolder('crash')
    const after = await crashAndRecover(folder.path, 'before-open')
    expect(after.result).toBeUndefined()
    expect(after.bucket).toEqual({ objects: [], uploads: [] })
  })

  it.each(['after-open', 'after-upload-opened', 'after-upload-opened:2', 'before-completing'] as const)(
    'at %s: every upload under the prefix is aborted, the attempt fails as agent-restarted',
    async point => {
      await using folder = await temporaryFolder('crash')
      const after = await crashAndRecover(folder.path, point)
      expect(after.listed).toEqual([after.attempt])
      expect(after.result).toMatchObject({
        outcome: 'failed',
        failure: { code: 'job.agent-restarted' },
        debris: [],
        attempt: { attempt_id: after.attempt.attemptId, epoch: 1 },
      })
      expect(after.bucket).toEqual({ objects: [], uploads: [] })
      expect(after.journal).toEqual([])
      for (const { pid } of after.children) expect(processAlive(pid)).toBe(false)
    },
  )

  it.each([
    'after-completing',
    'after-complete',
    'after-complete:2',
    'before-committing',
    'after-committing',
    'after-manifest-put',
    'before-result',
    'after-result',
  ] as const)('at %s: the backup is rolled forward to a true success', async point => {
    await using folder = await temporaryFolder('crash')
    const after = await crashAndRecover(folder.path, point)
    expect(after.result).toMatchObject({ outcome: 'succeeded', debris: [] })
    expect(after.pending).toBe(1)
    expect(after.journal).toEqual([])
    const bytes = await readFile(join(after.bucketPath, after.result?.manifest_key ?? ''))
    expect(Buffer.from(after.result?.manifest ?? '', 'base64').equals(bytes)).toBe(true)
    const manifest = readManifestStrictly(bytes)
    const named = manifest.streams.flatMap(stream => stream.objects.map(({ key }) => key))
    expect(named).toHaveLength(2)
    expect(after.bucket).toEqual({
      objects: [...named, after.result?.manifest_key].sort(),
      uploads: [],
    })
  })
})
