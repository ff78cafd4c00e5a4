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
import { makeDatabase } from './data.ts'
import { type Fleet, layFleet, ready } from './fleet.ts'
import { gated } from './gated.ts'
import { judge } from './judgements.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('agents that come back too late', 'postgres', 's3', 'pv', 'zstd')

describe.skipIf(servers.missing)(
  'an agent stopped (SIGSTOP) past its lease, its job done by another meanwhile, and woken',
  () => {
    let postgres: PostgresServer
    let s3: S3Server
    let proxy: S3FaultProxy
    let fleet: Fleet

    beforeAll(async () => {
      postgres = await startPostgres()
      s3 = await startS3()
      proxy = await startS3FaultProxy(s3)
      await makeDatabase(postgres, 'orders', 2)
    })
    afterEach(() => proxy?.clear())
    afterAll(async () => {
      await proxy?.stop()
      await postgres?.stop()
    })

    /** Two agents that could both serve the instance; the second joins when the first is gone. */
    async function twoAgents(): Promise<Fleet> {
      fleet = await layFleet({
        postgres,
        s3: { server: s3, endpoint: proxy.endpoint },
        times: { agent_gone: '3s', lease_ttl: '2s', heartbeat: '200ms' },
        agents: [{ name: 'host1' }, { name: 'host1-new', node: 'host1' }],
      })
      await fleet.coordinator.start()
      await ready(fleet.coordinator)
      await fleet.agent('host1').start()
      await waitUntil(async () => (await fleet.catalog.backups()).length === 2, {
        what: 'the first backups',
        timeout: 40_000,
      })
      return fleet
    }

    it('it obeys `superseded`: its uploads are gone, the job stays as the other ended it', async () => {
      await using fleet = await twoAgents()
      const { jobId, goOn } = await gated(fleet, 'orders')
      await fleet.agent('host1').kill('SIGSTOP')
      await fleet.agent('host1-new').start()
      expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 2 })
      await fleet.agent('host1').kill('SIGCONT')
      await waitUntil(async () => (await fleet.attempts(jobId))[0]?.outcome === 'cancelled', {
        what: 'the stale attempt to be cancelled',
        timeout: 40_000,
      })
      goOn()
      await fleet.keeper.start()
      await judge(fleet)
      expect(await fleet.catalog.backups()).toHaveLength(3)
    })

    it.each([
      ['before the keeper looked', false],
      ['after the keeper tried to clean up', true],
    ])(
      'it was committing: its backup is recorded as surplus (J7), %s, and the job stays as the other ended it',
      async (_, early) => {
        await using fleet = await twoAgents()
        const held = Promise.withResolvers<void>()
        proxy.on({ operation: 'PutObject' }, { kind: 'hold', until: held.promise }, { times: 1 })
        const jobId = await fleet.backUp('orders')
        await waitUntil(
          () =>
            proxy.requests.some(
              each => each.operation === 'PutObject' && each.fault === 'hold' && each.outcome === undefined,
            ),
          {
            what: 'a manifest on its way',
            timeout: 20_000,
          },
        )
        await fleet.agent('host1').kill('SIGSTOP')
        // it arrives while its sender sleeps
        held.resolve()
        await waitUntil(
          () => proxy.requests.some(each => each.fault === 'hold' && each.serverStatus === 200),
          {
            what: 'the manifest to be stored',
          },
        )
        await fleet.agent('host1-new').start()
        if (early) await fleet.keeper.start()
        expect(await fleet.ended(jobId)).toMatchObject({ state: 'succeeded', attempts: 2 })
        if (early)
          await waitUntil(
            async () =>
              (await fleet.catalog.jobs()).some(job => job.kind === 'delete' && job.state.kind === 'failed'),
            {
              what: 'the keeper to refuse to delete a backup',
              timeout: 40_000,
            },
          )
        await fleet.agent('host1').kill('SIGCONT')
        await waitUntil(async () => (await fleet.catalog.backups()).some(each => each.surplus), {
          what: 'a surplus backup',
          timeout: 60_000,
        })
        if (!early) await fleet.keeper.start()
        await judge(fleet)
        expect((await fleet.attempts(jobId)).map(each => each.outcome)).toEqual(['succeeded', 'succeeded'])
        expect(await fleet.catalog.backups()).toHaveLength(4)
      },
    )
  },
)
