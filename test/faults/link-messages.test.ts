import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { newId } from '../../shared/clock/index.ts'
import { AckDisposition, type AttemptRef, type Result } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { FakeAgent } from '../harness/fake-agent.ts'
import { type PostgresServer, requireServers, startPostgres, waitUntil } from '../harness/index.ts'
import { makeDatabase } from './data.ts'
import { type Fleet, layFleet } from './fleet.ts'
import { type Gated, gated } from './gated.ts'
import { judge } from './judgements.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('hostile messages on the link', 'postgres', 'pv', 'zstd')

describe.skipIf(servers.missing)('on the link of a coordinator at work', () => {
  let postgres: PostgresServer
  let fleet: Fleet
  let victim: AttemptRef
  let work: Gated
  let attacker: FakeAgent

  beforeAll(async () => {
    postgres = await startPostgres()
    await makeDatabase(postgres, 'orders', 2)
    fleet = await layFleet({ postgres, times: { lease_ttl: '30s' } })
    await fleet.start(['orders'])
    work = await gated(fleet, 'orders')
    const attempt = (await fleet.attempts(work.jobId))[0]
    victim = { jobId: work.jobId, attemptId: attempt?.id ?? '', epoch: attempt?.epoch ?? 0 }
    attacker = await dial()
  })
  afterEach(async () => {
    // whatever was said, the true attempt runs on
    await fleet.reaches(work.jobId, 'running')
    expect((await fleet.attempts(work.jobId)).map(each => each.outcome)).toEqual([undefined])
  })
  afterAll(async () => {
    await attacker?.close()
    await fleet?.[Symbol.asyncDispose]()
    await postgres?.stop()
  })

  const dial = (over: { agentId?: string } = {}) =>
    FakeAgent.connect({ port: Number(fleet.coordinator.address.split(':')[1]), hostname: 'evil', ...over })

  /** The refusals audited so far, with how often. */
  async function refusals(reason: string): Promise<number> {
    const rows = await fleet.catalog.rows(
      `select reason from audit where class = 'security' and reason = '${reason}'`,
    )
    return rows.length
  }

  async function audited(reason: string): Promise<void> {
    await waitUntil(async () => (await refusals(reason)) > 0, { what: `an audit event ${reason}` })
  }

  function failure(attempt: AttemptRef): Result {
    return {
      resultId: newId('result'),
      attempt,
      kind: JobKind.BACKUP,
      outcome: 'failed',
      failure: undefined,
      manifest: Buffer.alloc(0),
      manifestKey: '',
      destination: 'main',
      startedAt: 0,
      endedAt: 0,
      rawBytes: 0,
      storedBytes: 0,
      debris: ['v1/data/everything'],
      attemptPrefix: '',
      peakRssBytes: 0,
      copies: [],
      warnings: [],
      hooks: [],
      verify: undefined,
      keysUsed: [],
      observed: undefined,
    }
  }

  async function answered(result: Result): Promise<void> {
    attacker.result(result)
    const ack = await attacker.next('ack', each => each.resultId === result.resultId)
    expect(ack.disposition).toBe(AckDisposition.REJECTED)
  }

  it('a result of an unknown job is rejected and audited', async () => {
    await answered(failure({ jobId: newId('job'), attemptId: newId('attempt'), epoch: 1 }))
    await audited('unknown-attempt')
  })

  it("a result of another agent's attempt is rejected and audited", async () => {
    await answered(failure(victim))
    await audited('attempt-of-another-agent')
  })

  it("declining, starting uploads of and heartbeats for another agent's attempt change nothing and are audited", async () => {
    attacker.send({ $case: 'declined', value: { attempt: victim, failure: undefined } })
    attacker.send({
      $case: 'uploadOpened',
      value: { attempt: victim, key: 'k', uploadId: 'u', attemptPrefix: 'v1/data/', destination: 'main' },
    })
    attacker.heartbeat([victim])
    await attacker.next('cancel', cancel => cancel.attempt?.attemptId === victim.attemptId)
    await audited('attempt-of-another-agent')
  })

  it('an old epoch does not count', async () => {
    await answered(failure({ ...victim, epoch: victim.epoch - 1 }))
    await answered(failure({ ...victim, epoch: victim.epoch + 1 }))
  })

  it("another agent's id from another state folder is a cloned host: refused, audited, the true one works on", async () => {
    const [agent] = await fleet.catalog.rows(
      'select id from agents where id = (select agent_id from instances limit 1)',
    )
    const clone = await FakeAgent.connect({
      port: Number(fleet.coordinator.address.split(':')[1]),
      agentId: String(agent?.['id']),
      instanceId: randomUUID(),
    })
    const refused = await clone.next('refused')
    expect(refused.failure?.code).toBe('link.cloned')
    await audited('cloned-host')
    await clone.close()
  })

  it('5 MB of inventory in one message is refused and audited; more than a message may be ends that stream', async () => {
    const [instance] = await fleet.catalog.rows('select id from instances')
    const names = (count: number) =>
      Array.from({ length: count }, (_, i) => `database_${i}_${'x'.repeat(40)}`)
    const flood = await dial()
    flood.inventory(String(instance?.['id']), names(55_000), { size: 55_000 })
    await audited('inventory-chunk-too-large')
    expect(flood.status).toBeUndefined()
    flood.inventory(String(instance?.['id']), names(150_000), { size: 150_000 })
    await waitUntil(() => flood.status !== undefined, { what: 'the stream to be ended', timeout: 20_000 })
    flood.cut()
    expect(await fleet.catalog.rows("select id from databases where name like 'database_%'")).toEqual([])
  })

  it('an inventory of somebody else’s instance, in proper chunks, changes no database', async () => {
    const [instance] = await fleet.catalog.rows('select id from instances')
    const before = await fleet.catalog.rows('select id, gone from databases order by id')
    attacker.inventory(
      String(instance?.['id']),
      Array.from({ length: 5_000 }, (_, i) => `forged_${i}`),
      { generation: 1_000_000 },
    )
    await audited('instance-of-another-agent')
    expect(await fleet.catalog.rows('select id, gone from databases order by id')).toEqual(before)
  })

  it('and in the end the job is what its own agent says, once', async () => {
    // the hooks look at a running job: this one has a job of its own
    const running = work
    work = await (async () => {
      running.goOn()
      expect(await fleet.ended(running.jobId)).toMatchObject({ state: 'succeeded', attempts: 1, epoch: 1 })
      return gated(fleet, 'orders')
    })()
    const last = work
    last.goOn()
    expect(await fleet.ended(last.jobId)).toMatchObject({ state: 'succeeded', attempts: 1 })
    await judge(fleet)
    work = await gated(fleet, 'orders')
  })
})
