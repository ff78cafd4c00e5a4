import { describe, expect, test } from 'vitest'
import type { BackupRecord } from '../../../coordinator/store/records.ts'
import type { BackupId, JobId } from '../../../shared/model/identifiers.ts'
import type { Assign, VerifyReport } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { emptyResult, type FakeAgent, failureOf, refOf, successOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { admin, type Running, withDatabase } from '../running.ts'

const verifyServers = [{ engine: 'postgres', version: '15.18' }]
const policy = {
  ...{ name: 'all', every: '1h', rpo: '2h', destination: 'main' },
  verification: { every: '7d', timeout: '2h' },
}
const proving = { policies: [policy] }

function report(verdict: string, more: Partial<VerifyReport> = {}): VerifyReport {
  return {
    ...{ verdict, restoreMs: 90_000, totalMs: 120_000, serverVersion: '15.18', tables: 2, rows: 10 },
    ...{ rawBytes: 100, differences: [], differenceCount: 0, failure: undefined },
    ...more,
  }
}

async function backedUp(agent: FakeAgent): Promise<{ backupId: BackupId; census: string | undefined }> {
  const assign = await agent.next('assign', each => each.kind === JobKind.BACKUP)
  await agent.accept(assign)
  const result = agent.result(successOf(assign, agent))
  await agent.next('ack', each => each.resultId === result.resultId)
  const spec = assign.spec?.$case === 'backup' ? assign.spec.value : undefined
  return { backupId: (spec?.backupId ?? '') as BackupId, census: spec?.census }
}

function offered(agent: FakeAgent): Promise<Assign> {
  return agent.next('assign', each => each.kind === JobKind.VERIFY)
}

function backupOf(assign: Assign): string {
  return assign.spec?.$case === 'verify' ? assign.spec.value.backupId : ''
}

/** Takes an offered verification through to a recorded judgement. */
async function judge(agent: FakeAgent, assign: Assign, verify: VerifyReport) {
  await agent.accept(assign)
  const bad = verify.verdict === 'differs' || verify.verdict === 'unrestorable'
  const result = agent.result({
    ...emptyResult(refOf(assign)),
    kind: JobKind.VERIFY,
    outcome: bad ? 'failed' : 'succeeded',
    verify,
  })
  await agent.next('ack', each => each.resultId === result.resultId)
}

async function backupIn(fleet: Running, id: string): Promise<BackupRecord> {
  const backup = await fleet.store.read.backup(id as BackupId)
  if (backup === undefined) throw new Error('no backup')
  return backup
}

/** Of what is open: an agent that a busy machine keeps from beating for 300 ms is no matter here. */
async function alertKinds(fleet: Running) {
  return (await fleet.store.read.openAlerts()).map(each => each.kind).filter(kind => kind !== 'agent-silent')
}

describe('a policy that asks for proofs', () => {
  test('its backups are verified; a bad one counts for nothing until a restore clears it', async () => {
    await using world = await withDatabase(proving, { verifyServers })
    const { agent, fleet, database } = world
    const { operations } = fleet.coordinator
    const first = await backedUp(agent)
    expect(first.census).toBe('rows')
    const assign = await offered(agent)
    const { manifestSha256 } = await backupIn(fleet, first.backupId)
    expect(assign.spec).toMatchObject({
      $case: 'verify',
      value: {
        ...{ backupId: first.backupId, manifestSha256, engine: 'postgres', serverVersion: '15.8' },
        ...{ rawBytes: 100, timeoutMs: 7_200_000, sources: [{ name: 'main' }] },
      },
    })
    await judge(agent, assign, report('verified'))
    const state = () => fleet.store.read.databaseState(database.id)
    expect((await state())?.verification).toMatchObject({
      last: { verdict: 'verified', backupId: first.backupId },
      good: { backupId: first.backupId, restoreMs: 90_000 },
    })
    expect((await backupIn(fleet, first.backupId)).verification).toMatchObject({ verdict: 'verified' })

    // a second backup, and what a person asks for of it finds it bad
    await operations.startBackup(admin, { databaseId: database.id, requestId: 'b', reason: '' })
    const second = await backedUp(agent)
    expect((await state())?.lastBackupId).toBe(second.backupId)
    const ask = (requestId: string) =>
      operations.verifyBackup(admin, { backupId: second.backupId, requestId, reason: 'doubt' })
    const { job } = await ask('v1')
    expect((await ask('v1b')).existing).toBe(true)
    const differences = ['public.orders: 10 rows counted, 9 restored']
    await judge(agent, await offered(agent), report('differs', { differences, differenceCount: 1 }))
    expect((await fleet.store.read.job(job.id))?.state).toMatchObject({
      kind: 'failed',
      failure: { code: 'verify.differs' },
    })
    expect((await backupIn(fleet, second.backupId)).verification).toMatchObject({
      verdict: 'differs',
      detail: expect.stringContaining('9 restored'),
    })
    const fallen = await state()
    expect(fallen).toMatchObject({
      lastBackupId: first.backupId,
      verification: { gap: { reason: 'verification-failed' }, bad: { backupId: second.backupId } },
    })
    expect(await alertKinds(fleet)).toEqual(['verification-failed'])
    expect((await fleet.store.read.verificationGaps({ size: 10 })).items).toMatchObject([
      { database: { id: database.id } },
    ])

    // what the promise runs from now is looked at next, by itself
    const again = await offered(agent)
    expect(backupOf(again)).toBe(first.backupId)
    const why = await fleet.store.read.decisions(refOf(again).jobId as JobId)
    expect(why.map(each => each.code)).toContain('verification-after-failure')
    await judge(agent, again, report('verified'))
    expect((await state())?.verification?.bad).toBeDefined()

    await ask('v2')
    const third = await offered(agent)
    expect(backupOf(third)).toBe(second.backupId)
    await judge(agent, third, report('verified'))
    expect(await state()).toMatchObject({ lastBackupId: second.backupId })
    expect((await state())?.verification?.bad).toBeUndefined()
    expect((await state())?.verification?.gap).toBeUndefined()
    await waitUntil(async () => !(await alertKinds(fleet)).includes('verification-failed'), {
      what: 'the alert to be resolved',
    })
    const { items } = await fleet.store.read.verifications({ size: 10 }, { databaseId: database.id })
    expect(items.map(each => each.verdict)).toEqual(['verified', 'verified', 'differs', 'verified'])
    const bad = await fleet.store.read.verifications({ size: 10 }, { verdict: 'differs' })
    expect(bad.items).toMatchObject([{ backupId: second.backupId, differences, jobId: job.id }])
    const { items: audit } = await fleet.store.read.audit({ size: 50 }, { subject: second.backupId })
    expect(audit.map(each => each.action)).toEqual(['backup.cleared', 'backup.found-bad', 'backup.recorded'])
  })

  test('a restore that could not be tried says nothing of the backup, and is tried again', async () => {
    await using world = await withDatabase(proving, { verifyServers })
    const { agent, fleet, database } = world
    const { backupId } = await backedUp(agent)
    const assign = await offered(agent)
    await agent.accept(assign)
    const result = agent.result(failureOf(assign, 'interrupted'))
    await agent.next('ack', each => each.resultId === result.resultId)
    const jobId = refOf(assign).jobId as JobId
    expect((await fleet.store.read.job(jobId))?.state).toMatchObject({
      kind: 'queued',
      lastFailure: { code: 'interrupted' },
    })
    expect((await backupIn(fleet, backupId)).verification).toBeUndefined()
    await fleet.coordinator.operations.cancelJob(admin, { jobId, requestId: 'c', reason: 'not today' })
    const state = await fleet.store.read.databaseState(database.id)
    expect(state).toMatchObject({ lastBackupId: backupId })
    expect(state?.verification?.failing).toMatchObject({ failure: { code: 'job.cancelled' } })
    expect(await alertKinds(fleet)).toEqual([])
  })

  test('a success that does not say what it found is none', async () => {
    await using world = await withDatabase(proving, { verifyServers })
    const { agent, fleet } = world
    const { backupId } = await backedUp(agent)
    const assign = await offered(agent)
    await agent.accept(assign)
    const empty = { ...emptyResult(refOf(assign)), kind: JobKind.VERIFY, outcome: 'succeeded' }
    const result = agent.result(empty)
    expect(await agent.next('ack', each => each.resultId === result.resultId)).toMatchObject({
      reason: 'no-report',
    })
    expect((await backupIn(fleet, backupId)).verification).toBeUndefined()
  })

  test('where nobody can verify, the ledger and the job say so; a verifier that comes is given the work', async () => {
    await using world = await withDatabase(proving, {
      verifyServers: [
        { engine: 'postgres', version: '14.9' },
        { engine: 'mariadb', version: '11.4.2' },
      ],
    })
    const { agent, fleet, database } = world
    const { backupId } = await backedUp(agent)
    const gap = await waitUntil(
      async () => (await fleet.store.read.databaseState(database.id))?.verification?.gap,
      { what: 'the gap' },
    )
    expect(gap).toMatchObject({
      reason: 'verification-overdue',
      detail: expect.stringContaining('no-verifier'),
    })
    expect(await alertKinds(fleet)).toContain('verification-overdue')
    const { job } = await fleet.coordinator.operations.verifyBackup(admin, {
      ...{ backupId, requestId: 'v', reason: '' },
    })
    const told = await waitUntil(
      async () => (await fleet.store.read.decisions(job.id)).find(each => each.code === 'no-verifier'),
      { what: 'the reason' },
    )
    expect(told.text).toContain('version 15 or newer')
    const pool = await fleet.agent({ hostname: 'pool1', verifyServers })
    const assign = await offered(pool)
    expect(backupOf(assign)).toBe(backupId)
    await judge(pool, assign, report('restored'))
    await waitUntil(
      async () => (await fleet.store.read.databaseState(database.id))?.verification?.gap === undefined,
      { what: 'the gap to close' },
    )
    expect(await alertKinds(fleet)).not.toContain('verification-overdue')
  })

  test('a pause of a host elsewhere holds no verification up; one of the host that verifies does', async () => {
    await using world = await withDatabase(proving)
    const { agent, fleet } = world
    const pool = await fleet.agent({ hostname: 'pool1', verifyServers })
    await fleet.agent({ hostname: 'other' })
    const { pause, resume } = fleet.coordinator.operations
    const hold = (host: string) => ({ scope: 'host' as const, subject: host, name: host, reason: 'move' })
    await pause(admin, { ...hold('other'), requestId: 'p1' })
    await pause(admin, { ...hold('pool1'), requestId: 'p2' })
    await backedUp(agent)
    const told = await waitUntil(
      async () => {
        const [job] = (await fleet.store.read.jobs({ size: 1 }, { kind: 'verify', open: true })).items
        return job && (await fleet.store.read.decisions(job.id)).find(each => each.code === 'paused')
      },
      { what: 'the verification to wait' },
    )
    expect(told.text).toContain('hosts')
    await resume(admin, { ...hold('pool1'), requestId: 'p3' })
    await judge(pool, await offered(pool), report('verified'))
  })

  test('an agent verifies one backup at a time, and keeps a slot for backups of its own databases', async () => {
    await using world = await withDatabase(
      { ...proving, slots_per_agent: 3, budgets: { cluster: { slots: 3 } } },
      { verifyServers },
    )
    const { agent, fleet, instanceId } = world
    agent.inventory(instanceId, ['orders', 'stock'], { generation: 2 })
    await backedUp(agent)
    await backedUp(agent)
    const one = await offered(agent)
    await agent.accept(one)
    const waiting = await waitUntil(
      async () => {
        const { items } = await fleet.store.read.jobs({ size: 10 }, { kind: 'verify', open: true })
        const other = items.find(each => each.id !== one.attempt?.jobId)
        return (
          other && (await fleet.store.read.decisions(other.id)).find(each => each.code === 'verifier-busy')
        )
      },
      { what: 'the second to wait' },
    )
    expect(waiting.text).toContain('verify another backup')
    const result = { ...emptyResult(refOf(one)), kind: JobKind.VERIFY, outcome: 'succeeded' }
    agent.result({ ...result, verify: report('verified') })
    expect(backupOf(await offered(agent))).not.toBe(backupOf(one))
  })
})

test('who says that it cannot make a verification is not asked again while another could', async () => {
  await using world = await withDatabase(proving, { verifyServers })
  const { agent, fleet } = world
  const { backupId } = await backedUp(agent)
  const first = await offered(agent)
  await agent.accept(first)
  // of the backup's own line, hence preferred: the other one's server is newer
  const other = await fleet.agent({
    hostname: 'host2',
    verifyServers: [{ engine: 'postgres', version: '16.2' }],
  })
  const unfit = agent.result(failureOf(first, 'verify.not-here'))
  await agent.next('ack', each => each.resultId === unfit.resultId)
  // it is tried again by itself, but only after a while
  const { cancelJob, verifyBackup } = fleet.coordinator.operations
  await cancelJob(admin, { jobId: refOf(first).jobId as JobId, requestId: 'c', reason: 'not to wait' })
  const ask = (requestId: string) => verifyBackup(admin, { backupId, requestId, reason: 'elsewhere' })
  await ask('v1')
  await judge(other, await offered(other), report('verified'))
  // somebody made one: who is best comes first again
  await ask('v2')
  await judge(agent, await offered(agent), report('verified'))
})

test('proving less takes a second person where the configuration says so, and changes nothing before', async () => {
  await using world = await withDatabase({
    policies: [],
    policy: { fleet: { destination: 'main', every: '1h', rpo: '2h', verification: { every: '7d' } } },
    access: { approvals: { required: ['weaken-verification'] } },
  })
  const { agent, fleet } = world
  await backedUp(agent)
  const { applyPolicies, decideApproval } = fleet.coordinator.operations
  const apply = (approval = '') =>
    applyPolicies(admin, {
      ...{ requestId: 'p', reason: 'too dear', fromConfiguration: false, approval },
      text: 'fleet: { destination: main, every: 1h, rpo: 2h, verification: { every: 90d } }',
    })
  await expect(apply()).rejects.toMatchObject({ code: 'approval.needed' })
  expect(await fleet.store.read.audit({ size: 5 }, { action: 'policies.changed' })).toMatchObject({
    items: [],
  })
  const [approval] = (await fleet.store.read.approvals({ size: 1 }, {})).items
  await decideApproval(
    { ...admin, name: 'second' },
    { ...{ requestId: 'g', reason: 'agreed' }, approvalId: approval?.id ?? ('' as never), granted: true },
  )
  expect(await apply(approval?.id)).toMatchObject({ revision: 2 })
})

describe('what is not verified', () => {
  test('globals: they are restored by hand, and that is said', async () => {
    await using world = await withDatabase(proving, { verifyServers })
    const { agent, fleet, instanceId, database } = world
    agent.inventory(instanceId, ['orders'], { generation: 2, hasGlobals: true })
    await backedUp(agent)
    await backedUp(agent)
    const { items } = await fleet.store.read.backups({ size: 10 }, { clusterId: database.clusterId })
    const globals = items.find(each => each.scope === 'cluster')
    await expect(
      fleet.coordinator.operations.verifyBackup(admin, {
        ...{ backupId: globals?.id as BackupId, requestId: 'g', reason: '' },
      }),
    ).rejects.toMatchObject({ code: 'verify.not-possible' })
  })
})
