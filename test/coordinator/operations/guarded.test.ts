import { describe, expect, test } from 'vitest'
import type { BackupId } from '../../../shared/model/identifiers.ts'
import { AckDisposition, type Assign } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
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

const patient = {
  policies: [
    {
      name: 'all',
      every: '1h',
      rpo: '2h',
      destination: 'main',
      retry: { attempts: 5, base_delay: '1m', max_delay: '1m' },
    },
  ],
}

function ask(agent: FakeAgent, assign: Assign, grantId: string, action: string, keys: readonly string[]) {
  agent.send({
    $case: 'grantRequest',
    value: { attempt: refOf(assign), grantId, action, keys: [...keys] },
  })
  return agent.next('grant', each => each.grantId === grantId)
}

async function startedRestore(fleet: Running, agent: FakeAgent, backupId: string) {
  const { job } = await fleet.coordinator.operations.startRestore(admin, {
    backupId: backupId as BackupId,
    into: 'orders_copy',
    requestId: 'r1',
    reason: 'a look',
  })
  const assign = await agent.next('assign', each => each.kind === JobKind.RESTORE)
  await agent.accept(assign)
  return { job, assign }
}

describe('guarded work (J11)', () => {
  test('a restore asks before it renames; the grant is refused once it was cancelled', async () => {
    await using world = await withDatabase({
      policies: [{ name: 'all', every: '1h', rpo: '2h', destination: 'main', restore_timeout: '3h' }],
    })
    const { agent, fleet } = world
    const { assign: backup, result } = await agent.succeed()
    const backupId = backup.spec?.$case === 'backup' ? backup.spec.value.backupId : ''
    const { job, assign } = await startedRestore(fleet, agent, backupId)
    expect(assign.spec).toMatchObject({
      $case: 'restore',
      value: { into: 'orders_copy', manifestKey: result.manifestKey, backupId, timeoutMs: 10_800_000 },
    })
    expect(await ask(agent, assign, 'g1', 'rename', [])).toMatchObject({ granted: true })
    expect(await ask(agent, assign, 'g2', 'delete', ['v1/x'])).toMatchObject({ granted: false })
    await fleet.coordinator.operations.cancelJob(admin, { jobId: job.id, requestId: 'c', reason: '' })
    expect(await ask(agent, assign, 'g3', 'rename', [])).toMatchObject({
      granted: false,
      reason: 'job is cancelling',
    })
  })

  test('a key that opened the backup is an event of its own, by whom the restore was asked for and why, told once', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const { assign: backup } = await agent.succeed()
    const backupId = backup.spec?.$case === 'backup' ? backup.spec.value.backupId : ''
    const { job, assign } = await startedRestore(fleet, agent, backupId)
    const ref = refOf(assign)
    const keysUsed = [{ kind: 'aws-kms', key: 'arn:aws:kms:eu-west-1:1:key/k', backupId }]
    const result = { ...failureOf(assign, 'restore.failed'), keysUsed }
    for (let i = 0; i < 2; i++) {
      agent.result(result)
      await agent.next('ack', each => each.resultId === result.resultId)
    }
    const { items } = await fleet.store.read.audit({ size: 10 }, { action: 'key.used' })
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({
      ...{ actor: 'operator:test-admin', subject: backupId, reason: 'a look' },
      detail: {
        ...{ key_kind: 'aws-kms', key: 'arn:aws:kms:eu-west-1:1:key/k' },
        ...{ job_id: job.id, attempt_id: ref.attemptId },
      },
    })
  })

  test('a restore whose agent is lost after Start is not retried: it failed, and a person decides', async () => {
    await using world = await withDatabase({ times: { lease_ttl: '400ms' } })
    const { agent, fleet } = world
    const { assign: backup } = await agent.succeed()
    const backupId = backup.spec?.$case === 'backup' ? backup.spec.value.backupId : ''
    const { job } = await startedRestore(fleet, agent, backupId)
    agent.cut()
    const ended = await waitUntil(
      async () => {
        const found = await fleet.store.read.job(job.id)
        return found?.state.kind === 'failed' ? found.state : undefined
      },
      { what: 'the restore to fail' },
    )
    expect(ended.failure.code).toBe('job.lost-guarded')
  })

  test.each([
    ['an empty name', { into: '' }, 'request.invalid'],
    ['a backup there is none of', { backupId: 'bak_none' as BackupId }, 'not-found'],
    ['no request id', { requestId: '' }, 'request.invalid'],
  ])('a restore with %s is refused', async (_what, over, code) => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const { assign } = await agent.succeed()
    const backupId = (assign.spec?.$case === 'backup' ? assign.spec.value.backupId : '') as BackupId
    await expect(
      fleet.coordinator.operations.startRestore(admin, {
        backupId,
        into: 'copy',
        requestId: 'r',
        reason: '',
        ...over,
      }),
    ).rejects.toMatchObject({ code })
  })
})

describe('clean-up (P4)', () => {
  test('debris of a failed attempt is given to a keeper, batch by batch, and forgotten when it is gone', async () => {
    await using world = await withDatabase(patient)
    const { agent, fleet } = world
    const failed = await agent.next('assign')
    await agent.accept(failed)
    const key = `${prefixOf(failed)}000-full.pgdump.zst`
    const result = agent.result(failureOf(failed, 'object-store.failed', [key, 'v1/data/of/another/thing']))
    await agent.next('ack', each => each.resultId === result.resultId)
    const owned = await fleet.store.read.debris()
    expect(owned).toMatchObject([{ keys: [key], attemptPrefix: prefixOf(failed), destination: 'main' }])

    const keeper = await fleet.agent({ keeper: true, hostname: 'keeper' })
    const assign = await keeper.next('assign')
    expect(assign.spec).toMatchObject({ $case: 'delete', value: { attemptPrefixes: [prefixOf(failed)] } })
    await keeper.accept(assign)
    expect(await ask(keeper, assign, 'g1', 'delete', [key])).toMatchObject({ granted: true })
    expect(await ask(keeper, assign, 'g2', 'delete', ['v1/data/a/b/c'])).toMatchObject({ granted: false })
    const done = keeper.result({
      ...emptyResult(refOf(assign)),
      kind: JobKind.DELETE,
      outcome: 'succeeded',
    })
    await keeper.next('ack', each => each.resultId === done.resultId)
    expect(await fleet.store.read.debris()).toEqual([])

    // its objects are gone: the attempt can no longer claim to have succeeded
    const late = agent.result(successOf(failed, agent))
    expect(await agent.next('ack', each => each.resultId === late.resultId)).toMatchObject({
      disposition: AckDisposition.REJECTED,
      reason: 'objects-deleted',
    })
  })

  test('a lost agent may come back: its uploads are cleaned up only once it is gone for good', async () => {
    await using world = await withDatabase({
      ...patient,
      times: { lease_ttl: '300ms', agent_gone: '1500ms' },
    })
    const { agent, fleet } = world
    const lost = await agent.next('assign')
    const ref = await agent.accept(lost)
    agent.send({
      $case: 'uploadOpened',
      value: {
        attempt: ref,
        key: `${prefixOf(lost)}000`,
        uploadId: 'u1',
        attemptPrefix: prefixOf(lost),
        destination: 'main',
      },
    })
    await waitUntil(async () => (await fleet.store.read.attempts(jobOf(ref)))[0]?.attemptPrefix, {
      what: 'the prefix to be known',
    })
    const keeper = await fleet.agent({ keeper: true, hostname: 'keeper' })
    agent.cut()
    // owned from the moment the lease ran out
    await waitUntil(async () => (await fleet.store.read.debris()).length === 1, { what: 'the debris' })
    expect(keeper.count('assign')).toBe(0)
    const assign = await keeper.next('assign')
    expect(assign.spec).toMatchObject({ $case: 'delete', value: { attemptPrefixes: [prefixOf(lost)] } })
  })

  test('a lost agent that is back and names the attempt no more has let go of it: cleaned up without waiting', async () => {
    await using world = await withDatabase(
      // it beats by hand; after three beats missed it is silent, and gets no work
      { ...patient, times: { lease_ttl: '1500ms', heartbeat: '500ms' } },
      { heartbeats: false },
    )
    const { agent, fleet } = world
    const lost = await agent.next('assign')
    const ref = await agent.accept(lost)
    agent.send({
      $case: 'uploadOpened',
      value: { attempt: ref, key: '', uploadId: '', attemptPrefix: prefixOf(lost), destination: 'main' },
    })
    await waitUntil(async () => (await fleet.store.read.debris()).length === 1, { what: 'the debris' })
    const keeper = await fleet.agent({ keeper: true, hostname: 'keeper' })
    // it lives and works on it still, as far as it ever said
    agent.heartbeat([ref])
    await agent.next('start', each => each.attempt?.attemptId === ref.attemptId)
    await waitUntil(async () => (await fleet.store.read.debris()).length === 1, { what: 'the debris, again' })
    expect(keeper.count('assign')).toBe(0)
    agent.heartbeat([])
    const assign = await keeper.next('assign')
    expect(assign.spec).toMatchObject({ $case: 'delete', value: { attemptPrefixes: [prefixOf(lost)] } })
  })

  test('a lost attempt that succeeded after all owns its objects again: nothing is deleted', async () => {
    await using world = await withDatabase({ ...patient, times: { lease_ttl: '300ms' } })
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    agent.send({
      $case: 'uploadOpened',
      value: {
        attempt: ref,
        key: 'k',
        uploadId: 'u1',
        attemptPrefix: prefixOf(assign),
        destination: 'main',
      },
    })
    await waitUntil(async () => (await fleet.store.read.attempts(jobOf(ref)))[0]?.attemptPrefix, {
      what: 'the prefix to be known',
    })
    agent.cut()
    await waitUntil(async () => (await fleet.store.read.debris()).length === 1, { what: 'the debris' })
    const back = await agent.again({ running: [], unacknowledged: [ref] })
    const result = back.result(successOf(assign, back))
    expect((await back.next('ack', each => each.resultId === result.resultId)).disposition).toBe(
      AckDisposition.RECORDED,
    )
    expect(await fleet.store.read.debris()).toEqual([])
    await back.close()
  })

  test('a prefix that is not the folder of the attempt is refused: a keeper would delete what is not its own', async () => {
    await using world = await withDatabase(patient)
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    for (const attemptPrefix of ['', 'v1/', `v1/data/${ref.attemptId}/../`, `v1/manifests/${ref.attemptId}/`])
      agent.send({
        $case: 'uploadOpened',
        value: { attempt: ref, key: 'k', uploadId: 'u', attemptPrefix, destination: 'main' },
      })
    await waitUntil(
      async () =>
        (await fleet.store.read.audit({ size: 10 }, { action: 'security.refused' })).items.some(
          each => each.reason === 'prefix-outside-attempt',
        ),
      { what: 'the refusal' },
    )
    expect((await fleet.store.read.attempts(jobOf(ref)))[0]?.attemptPrefix).toBeUndefined()
  })
})

function jobOf(ref: { readonly jobId: string }) {
  return ref.jobId as Parameters<Running['store']['read']['job']>[0]
}
