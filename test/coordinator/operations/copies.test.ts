import { describe, expect, test } from 'vitest'
import type { BackupRecord } from '../../../coordinator/store/records.ts'
import type { BackupId } from '../../../shared/model/identifiers.ts'
import {
  AckDisposition,
  type Assign,
  type CopyResult,
} from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import {
  emptyResult,
  type FakeAgent,
  failureOf,
  prefixOf,
  refOf,
  successOf,
} from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { admin, type Running, withDatabase } from '../running.ts'

const destinations = {
  main: { url: 'file:///nowhere/main' },
  far: { url: 'file:///nowhere/far' },
}
const policy = {
  name: 'all',
  every: '1h',
  rpo: '2h',
  destinations: ['main', 'far'],
  timeout: '6h',
  retry: { attempts: 3, base_delay: '20ms', max_delay: '50ms' },
}
const both = { destinations, policies: [policy] }

function copy(destination: string, state: 'present' | 'missing', more: Partial<CopyResult> = {}): CopyResult {
  return { destination, state, failure: undefined, verifiedAt: 0, debris: [], ...more }
}

async function backupIn(fleet: Running, id: string): Promise<BackupRecord> {
  const backup = await fleet.store.read.backup(id as BackupId)
  if (backup === undefined) throw new Error('no backup')
  return backup
}

function states({ copies }: BackupRecord): Readonly<Record<string, string>> {
  return Object.fromEntries(copies.map(each => [each.destination, each.state]))
}

/** Accepts the first backup that is offered and tells of it with these copies. */
async function backedUp(agent: FakeAgent, copies: readonly CopyResult[]) {
  const assign = await agent.next('assign', each => each.kind === JobKind.BACKUP)
  await agent.accept(assign)
  const success = successOf(assign, agent)
  const result = agent.result({ ...success, copies: [...copies] })
  const ack = await agent.next('ack', each => each.resultId === result.resultId)
  const spec = assign.spec?.$case === 'backup' ? assign.spec.value : undefined
  return { assign, spec, result, ack, backupId: spec?.backupId ?? '' }
}

/** What an agent tells of a copy it made. */
function madeCopy(assign: Assign, manifest: Buffer) {
  const spec = assign.spec?.$case === 'copy' ? assign.spec.value : undefined
  return {
    ...emptyResult(refOf(assign)),
    kind: JobKind.COPY,
    outcome: 'succeeded',
    manifest,
    manifestKey: spec?.manifestKey ?? '',
    destination: spec?.target?.name ?? '',
    copies: [copy('far', 'present')],
    warnings: ['the copy in near failed, main is used'],
  }
}

describe('copies that are made later', () => {
  test('take of their destination’s budget as backups do: slots, and bytes a second', async () => {
    await using world = await withDatabase({ ...both, budgets: { destinations: { far: { slots: 1 } } } })
    const { agent, fleet, instanceId } = world
    agent.inventory(instanceId, ['orders', 'stock'], { generation: 2 })
    const failure = { code: 'copy.lagging', message: 'too slow', hint: '', context: [], problems: [] }
    const missing = () => [copy('main', 'present'), copy('far', 'missing', { failure })]
    await backedUp(agent, missing())
    await backedUp(agent, missing())
    const first = await agent.next('assign', each => each.kind === JobKind.COPY)
    const waiting = await waitUntil(
      async () => {
        const { items } = await fleet.store.read.jobs({ size: 10 }, { open: true })
        for (const { id, kind } of items) {
          if (kind !== 'copy' || id === first.attempt?.jobId) continue
          const told = (await fleet.store.read.decisions(id)).find(each => each.code === 'destination-slots')
          if (told !== undefined) return told
        }
        return undefined
      },
      { what: 'the second copy to wait for the slot' },
    )
    expect(waiting).toMatchObject({ subject: 'far', numbers: { used: 1, slots: 1 } })
    const decisions = await fleet.store.read.decisions((first.attempt?.jobId ?? '') as never)
    const placed = decisions.find(each => each.code === 'placed')
    expect(placed?.numbers['bytes_per_second']).toBeGreaterThan(0)
  })
})

describe('a policy with two destinations', () => {
  test('its backups take of the budgets of both, also where only the second has one', async () => {
    await using world = await withDatabase({
      ...both,
      budgets: { cluster: { slots: 2 }, destinations: { far: { slots: 1 } } },
    })
    const { agent, fleet, instanceId } = world
    agent.inventory(instanceId, ['orders', 'stock'], { generation: 2 })
    const first = await agent.next('assign', each => each.kind === JobKind.BACKUP)
    await agent.accept(first)
    const told = await waitUntil(
      async () => {
        const { items } = await fleet.store.read.jobs({ size: 10 }, { open: true })
        const other = items.find(each => each.id !== first.attempt?.jobId)
        return (
          other &&
          (await fleet.store.read.decisions(other.id)).find(each => each.code === 'destination-slots')
        )
      },
      { what: 'the second backup to wait' },
    )
    expect(told.subject).toBe('far')
  })

  test('the agent is told of both; a copy that is missing is made by a job of its own, and is there then', async () => {
    await using world = await withDatabase(both)
    const { agent, fleet } = world
    const failure = { code: 'copy.lagging', message: 'too slow', hint: '', context: [], problems: [] }
    const { spec, backupId, result, ack } = await backedUp(agent, [
      copy('main', 'present'),
      copy('far', 'missing', { failure }),
    ])
    expect(spec?.destination?.name).toBe('main')
    expect(spec?.destinations.map(({ name }) => name)).toEqual(['far'])
    expect(spec).toMatchObject({ minCopies: 1, copyPatienceMs: 600_000 })
    expect(ack.disposition).toBe(AckDisposition.RECORDED)

    const assign = await agent.next('assign', each => each.kind === JobKind.COPY)
    expect(assign.spec).toMatchObject({
      $case: 'copy',
      value: {
        backupId,
        manifestKey: result.manifestKey,
        manifestSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        sources: [{ name: 'main' }],
        target: { name: 'far' },
        timeoutMs: 21_600_000,
      },
    })
    const before = await backupIn(fleet, backupId)
    expect(before.copies.find(each => each.destination === 'far')).toMatchObject({
      state: 'copying',
      failure: { code: 'copy.lagging' },
    })
    await agent.accept(assign)
    const done = agent.result(madeCopy(assign, result.manifest))
    expect((await agent.next('ack', each => each.resultId === done.resultId)).disposition).toBe(
      AckDisposition.RECORDED,
    )
    const after = await backupIn(fleet, backupId)
    expect(states(after)).toEqual({ main: 'present', far: 'present' })
    expect(after.copies.find(each => each.destination === 'far')).toMatchObject({
      manifestKey: result.manifestKey,
      verifiedAt: expect.any(Number),
    })
    expect(await fleet.store.read.missingCopies(10)).toEqual([])
    const job = await fleet.store.read.decisions((assign.attempt?.jobId ?? '') as never)
    expect(job.map(each => each.text)).toContain('the copy in near failed, main is used')
    const { items } = await fleet.store.read.audit({ size: 10 }, { action: 'backup.copied' })
    expect(items).toMatchObject([{ subject: backupId, detail: { destination: 'far' } }])
  })

  test('copies after the commit: the dump goes to one, the other is copied', async () => {
    await using world = await withDatabase({ destinations, policies: [{ ...policy, copies: 'after' }] })
    const { agent } = world
    const { spec } = await backedUp(agent, [])
    expect(spec?.destinations).toEqual([])
    expect((await agent.next('assign', each => each.kind === JobKind.COPY)).spec).toMatchObject({
      value: { target: { name: 'far' } },
    })
  })

  test('J5: a copy whose manifest is another one is none: it failed, and is tried again', async () => {
    await using world = await withDatabase(both)
    const { agent, fleet } = world
    const { backupId, result } = await backedUp(agent, [copy('main', 'present'), copy('far', 'missing')])
    const assign = await agent.next('assign', each => each.kind === JobKind.COPY)
    await agent.accept(assign)
    const other = agent.result(madeCopy(assign, Buffer.concat([result.manifest, Buffer.from(' ')])))
    expect((await agent.next('ack', each => each.resultId === other.resultId)).disposition).toBe(
      AckDisposition.REJECTED,
    )
    await waitUntil(async () => states(await backupIn(fleet, backupId))['far'] !== 'present', {
      what: 'the copy still missing',
    })
    expect((await fleet.store.read.missingCopies(10)).map(({ copy }) => copy.destination)).toEqual(['far'])
  })

  test('a copy job that cannot be done says why on the copy, and another one follows', async () => {
    await using world = await withDatabase(both)
    const { agent, fleet } = world
    const { backupId } = await backedUp(agent, [copy('main', 'present'), copy('far', 'missing')])
    const assign = await agent.next('assign', each => each.kind === JobKind.COPY)
    await agent.accept(assign)
    agent.result({ ...failureOf(assign, 'copy.conflict'), kind: JobKind.COPY })
    const again = await agent.next(
      'assign',
      each => each.kind === JobKind.COPY && each.attempt?.jobId !== assign.attempt?.jobId,
    )
    expect(again.attempt?.epoch).toBe(1)
    const backup = await backupIn(fleet, backupId)
    expect(backup.copies.find(each => each.destination === 'far')).toMatchObject({
      failure: { code: 'copy.conflict' },
    })
  })

  test('debris of a failed attempt is removed in every destination, one delete job after the other', async () => {
    await using world = await withDatabase({
      destinations,
      policies: [{ ...policy, retry: { attempts: 5, base_delay: '1m', max_delay: '1m' } }],
    })
    const { agent, fleet } = world
    const failed = await agent.next('assign')
    for (const destination of ['main', 'far'])
      agent.send({
        $case: 'uploadOpened',
        value: {
          attempt: refOf(failed),
          key: '',
          uploadId: '',
          attemptPrefix: prefixOf(failed),
          destination,
        },
      })
    await agent.accept(failed)
    const key = `${prefixOf(failed)}000-full.pgdump.zst`
    agent.result({
      ...failureOf(failed, 'stage.failed', [key]),
      copies: [copy('main', 'missing', { debris: [key] }), copy('far', 'missing', { debris: [key] })],
    })
    const keeper = await fleet.agent({ hostname: 'keeper', keeper: true })
    for (const name of ['main', 'far']) {
      const assign = await keeper.next('assign', each => each.kind === JobKind.DELETE)
      expect(assign.spec).toMatchObject({
        value: { destination: { name }, attemptPrefixes: [prefixOf(failed)] },
      })
      await keeper.accept(assign)
      keeper.result({ ...emptyResult(refOf(assign)), kind: JobKind.DELETE, outcome: 'succeeded' })
    }
    await waitUntil(async () => (await fleet.store.read.debris()).length === 0, { what: 'no debris' })
  })
})

describe('a copy by hand', () => {
  test('of a backup that policy asks for no copy of: made, and shown as one of two', async () => {
    await using world = await withDatabase({
      destinations,
      policies: [{ ...policy, destinations: ['main'] }],
    })
    const { agent, fleet } = world
    const { backupId, result } = await backedUp(agent, [])
    const request = { backupId: backupId as BackupId, destination: 'far', requestId: 'r1', reason: 'audit' }
    const { job, existing } = await fleet.coordinator.operations.copyBackup(admin, request)
    expect(existing).toBe(false)
    const again = await fleet.coordinator.operations.copyBackup(admin, { ...request, requestId: 'r2' })
    expect(again).toMatchObject({ existing: true, job: { id: job.id } })
    const assign = await agent.next('assign', each => each.kind === JobKind.COPY)
    await agent.accept(assign)
    const done = agent.result(madeCopy(assign, result.manifest))
    await agent.next('ack', each => each.resultId === done.resultId)
    expect(states(await backupIn(fleet, backupId))).toEqual({ main: 'present', far: 'present' })
  })

  test.each([
    ['a destination there is none of', { destination: 'mars' }, 'destination.unknown'],
    ['its only copy', { destination: 'main' }, 'conflict'],
    ['a backup there is none of', { backupId: 'bak_none' as BackupId }, 'not-found'],
    ['no request id', { requestId: '' }, 'request.invalid'],
  ])('of %s is refused', async (_what, over, code) => {
    await using world = await withDatabase({
      destinations,
      policies: [{ ...policy, destinations: ['main'] }],
    })
    const { agent, fleet } = world
    const { backupId } = await backedUp(agent, [])
    await expect(
      fleet.coordinator.operations.copyBackup(admin, {
        backupId: backupId as BackupId,
        destination: 'far',
        requestId: 'r',
        reason: '',
        ...over,
      }),
    ).rejects.toMatchObject({ code })
  })
})
