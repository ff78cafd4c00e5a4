import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type CrashPoint, crashVariable } from '../../agent/jobs/crash-point.ts'
import {
  type PostgresServer,
  requireServers,
  type S3Server,
  startPostgres,
  startS3,
  waitUntil,
} from '../harness/index.ts'
import { contentOf } from './bucket.ts'
import { makeDatabase } from './data.ts'
import { type Fleet, layFleet, ready } from './fleet.ts'
import { judge } from './judgements.ts'
import { rows } from './share.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('agents killed', 'postgres', 's3', 'pv', 'zstd')

describe.skipIf(servers.missing)('an agent killed with -9', () => {
  let postgres: PostgresServer
  let s3: S3Server

  beforeAll(async () => {
    postgres = await startPostgres()
    s3 = await startS3()
    await makeDatabase(postgres, 'orders', 2)
  })
  afterAll(() => postgres?.stop())

  describe('and started again', () => {
    let fleet: Fleet

    beforeAll(async () => {
      fleet = await layFleet({ postgres, s3: { server: s3 } })
      await fleet.start(['orders'])
    })
    afterAll(() => fleet?.[Symbol.asyncDispose]())

    /** The agent dies at `point` of a backup's commit protocol and is started again. */
    async function crashAt(point: CrashPoint): Promise<string> {
      const agent = fleet.agent('host1')
      await agent.stop()
      await agent.start({ [crashVariable]: point })
      await ready(agent)
      const jobId = await fleet.backUp('orders')
      await agent.exited()
      await agent.start()
      await ready(agent)
      return jobId
    }

    it.each(
      rows<CrashPoint>(['before-open', 'after-open', 'after-upload-opened', 'before-completing'], {
        inTests: ['after-upload-opened'],
        heldBy: 'test/agent/jobs/crash.test.ts',
      }),
    )('%s: the attempt is taken back and the next one is good', async point => {
      const jobId = await crashAt(point)
      expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 2 })
      await judge(fleet)
    })

    it.each(
      rows<CrashPoint>(
        [
          'after-completing',
          'after-complete',
          'before-committing',
          'after-committing',
          'after-manifest-put',
          'before-result',
          'after-result',
        ],
        { inTests: ['before-committing', 'after-manifest-put'], heldBy: 'test/agent/jobs/crash.test.ts' },
      ),
    )('%s: the attempt is rolled forward to a true success', async point => {
      const jobId = await crashAt(point)
      expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 1 })
      await judge(fleet)
    })
  })

  describe('and never started again (its host is gone for good)', () => {
    it.each([
      ['after-upload-opened', { data: 0, uploads: 1, manifests: 0 }],
      ['before-committing', { data: 1, uploads: 0, manifests: 0 }],
    ] as const)('%s: a keeper cleans up, another agent of the host makes the backup', async (point, left) => {
      await using fleet = await layFleet({
        postgres,
        s3: { server: s3 },
        times: { agent_gone: '4s' },
        agents: [{ name: 'host1' }, { name: 'host1-new', node: 'host1' }],
      })
      await fleet.coordinator.start()
      await ready(fleet.coordinator)
      const lost = fleet.agent('host1')
      await lost.start({ [crashVariable]: point })
      await lost.exited()
      expect(counts(await contentOf(fleet.bucket))).toEqual(left)
      const [attempt] = await fleet.catalog.attempts()
      const successor = fleet.agent('host1-new')
      await successor.start()
      await fleet.keeper.start()
      await waitUntil(
        async () =>
          (await fleet.catalog.jobs()).some(job => job.kind === 'delete' && job.state.kind === 'succeeded'),
        { what: 'the keeper to clean up', timeout: 40_000 },
      )
      await waitUntil(async () => (await fleet.catalog.backups()).length === 2, {
        what: 'the other agent to back up the database and the globals',
        timeout: 40_000,
      })
      await judge(fleet, { gone: [lost] })
      const attempts = await fleet.catalog.attempts()
      expect(attempts.find(each => each.id === attempt?.id)?.outcome).not.toBe('succeeded')
    })
  })
})

function counts(content: Awaited<ReturnType<typeof contentOf>>) {
  // the census is there before the last upload is completed; whose it is stands in the judgements
  const data = content.data.filter(key => !/\/census\.json[^/]*$/.test(key))
  return { data: data.length, uploads: content.uploads.length, manifests: content.manifests.size }
}
