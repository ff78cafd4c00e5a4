import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  type PostgresServer,
  requireServers,
  type S3FaultProxy,
  type S3Server,
  startPostgres,
  startS3,
  startS3FaultProxy,
  waitUntil,
} from '../harness/index.ts'
import { child } from './children.ts'
import { makeDatabase, outgrows } from './data.ts'
import { type Fleet, layFleet } from './fleet.ts'
import { judge } from './judgements.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('faults of stages', 'postgres', 's3', 'pv', 'zstd')

describe.skipIf(servers.missing)('a stage of a backup', () => {
  let postgres: PostgresServer
  let s3: S3Server
  let proxy: S3FaultProxy
  let fleet: Fleet
  let rawBytes = 0

  beforeAll(async () => {
    postgres = await startPostgres()
    s3 = await startS3()
    proxy = await startS3FaultProxy(s3)
    await makeDatabase(postgres, 'orders', outgrows)
    await makeDatabase(postgres, 'notes', 3)
    fleet = await layFleet({ postgres, s3: { server: s3, endpoint: proxy.endpoint } })
    await fleet.start(['orders', 'notes'])
    rawBytes =
      (await fleet.catalog.backups()).find(each => each.subjectName.endsWith('/notes'))?.rawBytes ?? 0
    expect(rawBytes).toBeGreaterThan(3_000_000)
  })
  afterEach(() => {
    proxy?.clear()
    fleet?.tools.heal()
  })
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]()
    await proxy?.stop()
    await postgres?.stop()
  })

  /** A backup whose second part is held: the whole pipeline stands still in the middle of the dump. */
  async function midStream(): Promise<{ jobId: string; release: () => void }> {
    const seen = proxy.requests.length
    const held = Promise.withResolvers<void>()
    proxy.on({ operation: 'UploadPart' }, { kind: 'hold', until: held.promise }, { times: 1 })
    const jobId = await fleet.backUp('orders')
    await waitUntil(() => proxy.requests.slice(seen).some(each => each.operation === 'UploadPart'), {
      what: 'a part under way',
      timeout: 20_000,
    })
    return { jobId, release: () => held.resolve() }
  }

  async function failedOnceThenGood(jobId: string, code: string): Promise<void> {
    const job = await fleet.ended(jobId)
    expect(job).toMatchObject({ state: 'succeeded', attempts: 2, epoch: 2 })
    const attempts = await fleet.attempts(jobId)
    expect(attempts.map(each => each.outcome)).toEqual(['failed', 'succeeded'])
    expect(attempts.find(each => each.outcome === 'failed')?.failure?.code).toBe(code)
    await judge(fleet)
  }

  it.each(['zstd', 'pg_dump', 'pv'])(
    'killed with -9 in mid-stream (%s) fails the attempt, and the next one is good',
    async name => {
      const { jobId, release } = await midStream()
      const victim = await child(fleet.agent('host1').pid, name)
      expect(fleet.noteChildren().map(each => each.name)).toEqual(
        expect.arrayContaining(['pg_dump', 'pv', 'zstd']),
      )
      process.kill(victim.pid, 'SIGKILL')
      release()
      await failedOnceThenGood(jobId, 'stage.failed')
    },
  )

  it.each([
    ['half-way', () => Math.floor(rawBytes / 2)],
    ['10 kB before the end', () => rawBytes - 10_240],
    ['one byte before the end', () => rawBytes - 1],
  ] as const)('a compressor that ends with 0 %s, the rest unread, fails the attempt', async (_, bytes) => {
    fleet.tools.once('zstd', `cut ${bytes()}`)
    await failedOnceThenGood(await fleet.backUp('notes'), 'stage.bytes-lost')
  })

  it('a compressor that reads everything and keeps all but the last 10 kB, with 0, fails the attempt', async () => {
    fleet.tools.once('zstd', `swallow ${rawBytes - 10_240}`)
    await failedOnceThenGood(await fleet.backUp('notes'), 'stage.bytes-lost')
  })

  it('a dump that exits 1 after its last byte fails the attempt', async () => {
    fleet.tools.once('pg_dump', 'fail-at-end')
    await failedOnceThenGood(await fleet.backUp('notes'), 'stage.failed')
  })

  it('a compressor that is short every time ends the job failed, with nothing in the bucket', async () => {
    fleet.tools.always('zstd', 'cut 1000000')
    const before = (await fleet.catalog.backups()).length
    const job = await fleet.ended(await fleet.backUp('notes'))
    expect(job).toMatchObject({ state: 'failed', attempts: 3 })
    expect(job.failure?.code).toBe('stage.bytes-lost')
    expect(await fleet.catalog.backups()).toHaveLength(before)
    await judge(fleet)
  })
})
