import { describe, expect, test } from 'vitest'
import type { LiveAgents } from '../../../coordinator/operations/live-agents.ts'
import { clocksDisagree } from '../../../coordinator/operations/review-retention.ts'
import type { BackupId } from '../../../shared/model/identifiers.ts'
import { AckDisposition, type Assign } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { emptyResult, type FakeAgent, failureOf, refOf, successOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { admin, type Running, withDatabase } from '../running.ts'

const policy = {
  ...{ name: 'all', every: '1s', rpo: '2h', destination: 'main' },
  retention: { keep_last: 2 },
  retry: { attempts: 3, base_delay: '20ms', max_delay: '50ms' },
}
const quick = { policies: [policy], retention: { every: '50ms', grace: '0s' } }
const asked = (requestId: string) => ({ requestId, reason: 'a test' })

/** Backs up once more. */
async function backedUp(agent: FakeAgent): Promise<BackupId> {
  const assign = await agent.next('assign', each => each.kind === JobKind.BACKUP)
  await agent.accept(assign)
  const result = agent.result(successOf(assign, agent))
  await agent.next('ack', each => each.resultId === result.resultId)
  return (assign.spec?.$case === 'backup' ? assign.spec.value.backupId : '') as BackupId
}

async function severalOf(agent: FakeAgent, count: number): Promise<readonly BackupId[]> {
  const ids: BackupId[] = []
  for (let n = 0; n < count; n++) ids.push(await backedUp(agent))
  return ids
}

const keeperFeatures = { keeper: true, hostname: 'keeper', features: ['backup-delete'] }

function backupsIn(assign: Assign) {
  return assign.spec?.$case === 'delete' ? assign.spec.value.backups : []
}

async function ask(keeper: FakeAgent, assign: Assign, keys: readonly string[]) {
  const grantId = crypto.randomUUID()
  keeper.send({
    $case: 'grantRequest',
    value: { attempt: refOf(assign), grantId, action: 'delete', keys: [...keys] },
  })
  return keeper.next('grant', each => each.grantId === grantId)
}

/** Takes a delete, asks for all of each backup, and tells that it is done. */
async function deleted(keeper: FakeAgent): Promise<readonly string[]> {
  const assign = await keeper.next('assign', each => each.kind === JobKind.DELETE)
  await keeper.accept(assign)
  for (const { manifestKey, attemptPrefix } of backupsIn(assign)) {
    expect(await ask(keeper, assign, [manifestKey])).toMatchObject({ granted: true })
    expect(await ask(keeper, assign, [`${attemptPrefix}000-full.pgdump.zst`])).toMatchObject({
      granted: true,
    })
  }
  const done = keeper.result({
    ...emptyResult(refOf(assign)),
    ...{ kind: JobKind.DELETE, outcome: 'succeeded' },
  })
  await keeper.next('ack', each => each.resultId === done.resultId)
  return backupsIn(assign).map(each => each.backupId)
}

async function isDeleting(fleet: Running, id: BackupId): Promise<boolean> {
  return (await fleet.store.read.backup(id))?.deletion !== undefined
}

describe('retention', () => {
  test('what nothing keeps is given to a keeper, the manifest too, and leaves a tombstone that says by which rule', async () => {
    await using world = await withDatabase(quick)
    const { agent, fleet, database } = world
    const [first, second, third] = await severalOf(agent, 3)
    if (first === undefined) throw new Error('no backup')
    const keeper = await fleet.agent(keeperFeatures)
    expect(await deleted(keeper)).toEqual([first])
    const tombstone = await waitUntil(() => fleet.store.read.deletedBackup(first), {
      what: 'the tombstone',
    })
    expect(tombstone).toMatchObject({
      deletion: { by: 'system', rule: 'all: keep_last 2' },
      leftBehind: [],
    })
    const { items } = await fleet.store.read.backups({ size: 10 }, { databaseId: database.id })
    expect(items.map(each => each.id)).toEqual(expect.arrayContaining([second, third]))
    expect(items.map(each => each.id)).not.toContain(first)
    for (const action of ['backup.deleting', 'backup.deleted']) {
      const { items: events } = await fleet.store.read.audit({ size: 10 }, { action, subject: first })
      expect(events).toMatchObject([{ actor: 'system', detail: { rule: 'all: keep_last 2' } }])
    }
    // said again after that, it is no backup: its objects are gone
    await expect(
      fleet.coordinator.operations.startRestore(admin, {
        ...{ backupId: first, into: 'x', requestId: 'r', reason: '' },
      }),
    ).rejects.toMatchObject({ code: 'not-found' })
  })

  test('nothing goes within the grace; what is kept again meanwhile is given no notice any more', async () => {
    await using world = await withDatabase({
      ...quick,
      retention: { every: '50ms', grace: '1h' },
    })
    const { agent, fleet } = world
    const [first] = await severalOf(agent, 3)
    if (first === undefined) throw new Error('no backup')
    const expired = await waitUntil(async () => (await fleet.store.read.backup(first))?.expiry, {
      what: 'the notice',
    })
    expect(expired.rule).toBe('all: keep_last 2')
    await fleet.coordinator.operations.holdBackup(admin, { ...asked('h'), backupId: first })
    await waitUntil(async () => (await fleet.store.read.backup(first))?.expiry === undefined, {
      what: 'the notice to be taken back',
    })
    expect(await isDeleting(fleet, first)).toBe(false)
  })

  test('shortened retention takes a second person, and what is more than usual stays until somebody lets it go', async () => {
    const fleetHas = 'fleet: { destination: main, every: 1s, rpo: 2h'
    await using world = await withDatabase({
      policies: [],
      policy: { fleet: { destination: 'main', every: '1s', rpo: '2h' } },
      retention: { every: '50ms', grace: '0s', brake: { percent: 1, at_least: 1 } },
      access: { approvals: { required: ['shorten-retention'] } },
    })
    const { agent, fleet } = world
    const { operations } = fleet.coordinator
    const ids = await severalOf(agent, 4)
    // they were recorded long ago: nothing that is made now takes their place
    await fleet.store.write('x', async tx => {
      for (const id of ids) {
        const backup = await tx.backups.get(id)
        if (backup !== undefined) await tx.backups.keep({ ...backup, recordedAt: 1_000 })
      }
    })
    const apply = (approval = '') =>
      operations.applyPolicies(admin, {
        ...asked('p'),
        ...{ text: `${fleetHas}, retention: { keep_last: 1 } }`, fromConfiguration: false, approval },
      })
    const { review } = await operations.checkPolicies(`${fleetHas}, retention: { keep_last: 1 } }`)
    expect(review.fresh.map(each => each.code)).toEqual(['retention-only-counts', 'retention-shortened'])
    await expect(apply()).rejects.toMatchObject({ code: 'approval.needed' })
    const [approval] = (await fleet.store.read.approvals({ size: 1 }, {})).items
    if (approval === undefined) throw new Error('no approval')
    await operations.decideApproval(
      { ...admin, name: 'second' },
      { ...asked('g'), approvalId: approval.id, granted: true },
    )
    await apply(approval.id)

    const alert = await waitUntil(
      async () => (await fleet.store.read.openAlerts()).find(each => each.kind === 'retention-brake'),
      { what: 'the brake' },
    )
    expect(alert).toMatchObject({ severity: 'critical', facts: { beyond: '3', limit: '1' } })
    for (const id of ids) expect(await isDeleting(fleet, id)).toBe(false)
    await operations.releaseBrake(admin, asked('b'))
    for (const id of ids.slice(0, 3))
      await waitUntil(() => isDeleting(fleet, id), { what: 'what was let go to go' })
    await waitUntil(
      async () => (await fleet.store.read.openAlerts()).every(each => each.kind !== 'retention-brake'),
      { what: 'the alert to end' },
    )
  })

  test('a hold before the first grant takes a backup back; after it there is no way back', async () => {
    await using world = await withDatabase(quick)
    const { agent, fleet } = world
    const [first] = await severalOf(agent, 3)
    if (first === undefined) throw new Error('no backup')
    await waitUntil(() => isDeleting(fleet, first), { what: 'the deletion' })
    await expect(
      fleet.coordinator.operations.startRestore(admin, {
        ...{ backupId: first, into: 'x', requestId: 'r', reason: '' },
      }),
    ).rejects.toMatchObject({ code: 'backup.deleting' })
    const keeper = await fleet.agent(keeperFeatures)
    const assign = await keeper.next('assign', each => each.kind === JobKind.DELETE)
    await keeper.accept(assign)
    const [spec] = backupsIn(assign)
    await fleet.coordinator.operations.holdBackup(admin, { ...asked('h1'), backupId: first })
    expect(await ask(keeper, assign, [spec?.manifestKey ?? ''])).toMatchObject({ granted: false })
    expect(await isDeleting(fleet, first)).toBe(false)
    keeper.result({ ...failureOf(assign, 'job.grant-refused', []), kind: JobKind.DELETE })

    await fleet.coordinator.operations.releaseBackup(admin, { ...asked('r1'), backupId: first })
    const again = await keeper.next('assign', each => each.kind === JobKind.DELETE)
    await keeper.accept(again)
    expect(await ask(keeper, again, [spec?.manifestKey ?? ''])).toMatchObject({ granted: true })
    await expect(
      fleet.coordinator.operations.holdBackup(admin, { ...asked('h2'), backupId: first }),
    ).rejects.toMatchObject({ code: 'backup.deleting' })
  })

  test('a keeper is granted nothing that is not of the backups of its job', async () => {
    await using world = await withDatabase(quick)
    const { agent, fleet } = world
    const [, second] = await severalOf(agent, 3)
    const keeper = await fleet.agent(keeperFeatures)
    const assign = await keeper.next('assign', each => each.kind === JobKind.DELETE)
    await keeper.accept(assign)
    const stays = await fleet.store.read.backup(second ?? ('' as BackupId))
    const [spec] = backupsIn(assign)
    for (const key of [
      stays?.copies[0]?.manifestKey ?? '',
      `${spec?.attemptPrefix.slice(0, -1)}x/000`,
      'v1/anchors/1.json',
    ])
      expect(await ask(keeper, assign, [spec?.manifestKey ?? '', key])).toMatchObject({ granted: false })
  })

  test('one that cannot be deleted keeps no other from going, is told of, and is tried again; over a restart, too', async () => {
    await using world = await withDatabase({
      ...quick,
      policies: [{ ...policy, retention: { keep_last: 1 } }],
    })
    const { agent, fleet } = world
    const [poison, other] = await severalOf(agent, 3)
    if (poison === undefined || other === undefined) throw new Error('no backup')
    for (const id of [poison, other])
      await waitUntil(() => isDeleting(fleet, id), { what: 'both to be deleted' })
    await fleet.restart()
    const keeper = await fleet.agent(keeperFeatures)
    const together = await keeper.next('assign', each => each.kind === JobKind.DELETE)
    expect(backupsIn(together).map(each => each.backupId)).toEqual([poison, other])
    await keeper.accept(together)
    const fail = async (assign: Assign) => {
      const failed = keeper.result({ ...failureOf(assign, 'object-store.denied', []), kind: JobKind.DELETE })
      await keeper.next('ack', each => each.resultId === failed.resultId)
    }
    await fail(together)
    const alerts = async () => (await fleet.store.read.openAlerts()).map(each => each.dedupKey)
    expect(await alerts()).toContain('job-failed/delete/destination:main')
    const gone: string[] = []
    while (!gone.includes(other)) {
      const assign = await keeper.next('assign', each => each.kind === JobKind.DELETE)
      await keeper.accept(assign)
      const [only, ...more] = backupsIn(assign)
      expect(more).toEqual([])
      if (only?.backupId === poison) await fail(assign)
      else {
        expect(await ask(keeper, assign, [only?.manifestKey ?? ''])).toMatchObject({ granted: true })
        const result = { ...emptyResult(refOf(assign)), kind: JobKind.DELETE, outcome: 'succeeded' }
        const done = keeper.result(result)
        await keeper.next('ack', each => each.resultId === done.resultId)
        gone.push(only?.backupId ?? '')
      }
    }
    expect(await fleet.store.read.deletedBackup(other)).toBeDefined()
    expect(await isDeleting(fleet, poison)).toBe(true)
  })

  test('a clock that most agents say is wrong deletes nothing, also when it was so from the start', () => {
    const live = (...offsets: (number | undefined)[]) => ({
      live: {
        ids: () => offsets.map((_, i) => `agt_${i}`),
        isConnected: () => true,
        clockOffset: (id: string) => offsets[Number(id.slice(4))],
      } as unknown as LiveAgents,
    })
    const year = 365 * 86_400_000
    expect(clocksDisagree(live(year, year, 0))).toBe(true)
    expect(clocksDisagree(live(-year, undefined))).toBe(true)
    // one of two is no majority, and nobody says nothing
    expect(clocksDisagree(live(year, 0))).toBe(false)
    expect(clocksDisagree(live())).toBe(false)
  })

  test('a keeper that does not know how gets no backup to delete', async () => {
    await using world = await withDatabase(quick)
    const { agent, fleet } = world
    await severalOf(agent, 3)
    const old = await fleet.agent({ keeper: true, hostname: 'old' })
    const waiting = await waitUntil(
      async () => {
        const { items } = await fleet.store.read.jobs({ size: 10 }, { kind: 'delete', open: true })
        const [job] = items
        if (job === undefined) return undefined
        return (await fleet.store.read.decisions(job.id)).find(each => each.code === 'agent-too-old')
      },
      { what: 'the delete to wait for a newer keeper' },
    )
    expect(waiting.text).toContain('deletes backups')
    expect(old.count('assign')).toBe(0)
  })
})

describe('deleting by hand', () => {
  const still = { policies: [{ ...policy, retention: undefined }] }

  test('the last good backup stays, unless that is said; then the clock runs from nothing', async () => {
    await using world = await withDatabase({ policies: [{ ...policy, every: '1h', retention: undefined }] })
    const { agent, fleet, database } = world
    const only = await backedUp(agent)
    const { operations } = fleet.coordinator
    await expect(
      operations.deleteBackup(admin, { ...asked('d1'), backupId: only, evenLastGood: false }),
    ).rejects.toMatchObject({ code: 'backup.last-good' })
    await expect(
      operations.deleteBackup(admin, {
        ...{ requestId: 'd2', reason: ' ', backupId: only, evenLastGood: true },
      }),
    ).rejects.toMatchObject({ code: 'request.invalid' })
    await operations.deleteBackup(admin, { ...asked('d3'), backupId: only, evenLastGood: true })
    const state = await fleet.store.read.databaseState(database.id)
    expect(state).toMatchObject({ backups: 0 })
    expect(state?.lastDataAsOf).toBeUndefined()
  })

  test('of two the newest may go: the promise is judged by the one that is left', async () => {
    await using world = await withDatabase(still)
    const { agent, fleet, database } = world
    const [first, second] = await severalOf(agent, 2)
    if (first === undefined || second === undefined) throw new Error('no backup')
    await fleet.coordinator.operations.deleteBackup(admin, {
      ...{ ...asked('d1'), backupId: second, evenLastGood: false },
    })
    const left = await fleet.store.read.backup(first)
    expect(await fleet.store.read.databaseState(database.id)).toMatchObject({
      ...{ backups: 1, lastBackupId: first, lastDataAsOf: left?.dataAsOf },
    })
  })

  test('what is held, or read by a restore, is not deleted; a delete can take a second person', async () => {
    await using world = await withDatabase({
      ...still,
      access: { approvals: { required: ['delete-backup', 'release-hold'] } },
    })
    const { agent, fleet } = world
    const [first] = await severalOf(agent, 2)
    if (first === undefined) throw new Error('no backup')
    const { operations } = fleet.coordinator
    const remove = (requestId: string, approval = '') =>
      operations.deleteBackup(admin, {
        ...asked(requestId),
        ...{ backupId: first, evenLastGood: false, approval },
      })
    await operations.holdBackup(admin, { ...asked('h'), backupId: first })
    await expect(remove('d1')).rejects.toMatchObject({ code: 'backup.held' })
    await expect(operations.releaseBackup(admin, { ...asked('r'), backupId: first })).rejects.toMatchObject({
      code: 'approval.needed',
    })
    const second = { ...admin, name: 'second' }
    const grant = async (act: string) => {
      const { items } = await fleet.store.read.approvals({ size: 10 }, { state: 'pending' })
      const approval = items.find(each => each.act === act)
      if (approval === undefined) throw new Error('no approval')
      await operations.decideApproval(second, {
        ...asked(`g-${act}`),
        ...{ approvalId: approval.id, granted: true },
      })
      return approval.id
    }
    const approval = await grant('release-hold')
    await operations.releaseBackup(admin, { ...asked('r'), backupId: first, approval })

    const { job } = await operations.startRestore(admin, {
      ...{ backupId: first, into: 'copy', requestId: 's', reason: '' },
    })
    await expect(remove('d2')).rejects.toMatchObject({ code: 'backup.in-use' })
    await operations.cancelJob(admin, { jobId: job.id, requestId: 'c', reason: '' })
    await waitUntil(
      async () =>
        (await fleet.store.read.job(job.id))?.state.kind === 'cancelled' || agent.count('assign') > 2,
      { what: 'the restore to end' },
    )
    const offered = agent.frames.find(each => each.$case === 'assign' && each.value.kind === JobKind.RESTORE)
    if (offered?.$case === 'assign')
      agent.send({
        $case: 'declined',
        value: { attempt: refOf(offered.value), failure: undefined },
      })
    await waitUntil(async () => (await fleet.store.read.job(job.id))?.state.kind === 'cancelled', {
      what: 'the restore to be cancelled',
    })
    await expect(remove('d3')).rejects.toMatchObject({ code: 'approval.needed' })
    await remove('d3', await grant('delete-backup'))
    expect(await isDeleting(fleet, first)).toBe(true)
  })

  test('a copy that is told of after its backup was deleted is owned again, and deleted too', async () => {
    await using world = await withDatabase({
      ...{
        policies: still.policies,
        destinations: { main: { url: 'file:///main' }, far: { url: 'file:///far' } },
      },
      times: { lease_ttl: '300ms' },
    })
    const { agent, fleet } = world
    const assign = await agent.next('assign', each => each.kind === JobKind.BACKUP)
    await agent.accept(assign)
    const result = agent.result(successOf(assign, agent))
    await agent.next('ack', each => each.resultId === result.resultId)
    const id = (assign.spec?.$case === 'backup' ? assign.spec.value.backupId : '') as BackupId
    await backedUp(agent)
    const { operations } = fleet.coordinator
    const { job } = await operations.copyBackup(admin, {
      ...{ backupId: id, destination: 'far', requestId: 'c', reason: '' },
    })
    const copying = await agent.next('assign', each => each.kind === JobKind.COPY)
    await agent.accept(copying)
    await operations.cancelJob(admin, { jobId: job.id, requestId: 'x', reason: '' })
    agent.cut()
    await waitUntil(async () => (await fleet.store.read.job(job.id))?.state.kind === 'cancelled', {
      what: 'the copy to be given up',
    })
    await operations.deleteBackup(admin, { ...asked('d'), backupId: id, evenLastGood: false })
    const keeper = await fleet.agent(keeperFeatures)
    // one job for each destination, that of the copy which was never told of included
    for (let n = 0; n < 2; n++) expect(await deleted(keeper)).toEqual([id])
    await waitUntil(() => fleet.store.read.deletedBackup(id), { what: 'the tombstone' })

    const back = await agent.again({ running: [], unacknowledged: [refOf(copying)] })
    const made = back.result({
      ...emptyResult(refOf(copying)),
      ...{ kind: JobKind.COPY, outcome: 'succeeded', destination: 'far' },
      ...{ manifest: result.manifest, manifestKey: result.manifestKey },
    })
    await back.next('ack', each => each.resultId === made.resultId)
    expect(await deleted(keeper)).toEqual([id])
    await waitUntil(async () => (await fleet.store.read.backup(id)) === undefined, {
      what: 'it to be gone again',
    })
    await back.close()
  })

  test('a success that is told again after the backup is gone makes no new one', async () => {
    await using world = await withDatabase(still)
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    await agent.accept(assign)
    const success = successOf(assign, agent)
    const result = agent.result(success)
    await agent.next('ack', each => each.resultId === result.resultId)
    const id = (assign.spec?.$case === 'backup' ? assign.spec.value.backupId : '') as BackupId
    await backedUp(agent)
    await fleet.coordinator.operations.deleteBackup(admin, {
      ...{ ...asked('d'), backupId: id, evenLastGood: false },
    })
    await deleted(await fleet.agent(keeperFeatures))
    const late = agent.result({ ...success, resultId: `res_${id.slice(4)}` })
    expect(await agent.next('ack', each => each.resultId === late.resultId)).toMatchObject({
      disposition: AckDisposition.REJECTED,
    })
    expect(await fleet.store.read.backup(id)).toBeUndefined()
  })
})
