import { describe, expect, test } from 'vitest'
import { AckDisposition } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { failureOf, refOf, successOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { admin, type Running, withDatabase } from '../running.ts'

async function onlyJob(fleet: Running) {
  const { items } = await fleet.store.read.jobs({ size: 10 }, {})
  expect(items).toHaveLength(1)
  const [job] = items
  if (job === undefined) throw new Error('no job')
  return job
}

function jobIn(fleet: Running, state: string) {
  return waitUntil(
    async () => (await fleet.store.read.jobs({ size: 10 }, {})).items.find(each => each.state.kind === state),
    { what: `a job that is ${state}` },
  )
}

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

describe('the life of a backup', () => {
  test('discovered, due, assigned, accepted, started, recorded: the database is protected', async () => {
    await using world = await withDatabase()
    const { agent, database, fleet } = world
    const { assign, ack } = await agent.succeed()
    expect(assign.spec?.$case).toBe('backup')
    expect(ack.disposition).toBe(AckDisposition.RECORDED)
    // the answer left after the commit: everything is there
    const state = await fleet.store.read.databaseState(database.id)
    expect(state).toMatchObject({ protection: 'protected', backups: 1, reason: '', policyName: 'all' })
    expect(state?.openJobId).toBeUndefined()
    const job = await onlyJob(fleet)
    expect(job.state).toMatchObject({ kind: 'succeeded', backupId: state?.lastBackupId })
    const decisions = await fleet.store.read.decisions(job.id)
    expect(decisions.map(each => `${each.kind}/${each.code}`)).toEqual([
      'created/due',
      'transition/assign',
      'placed/placed',
      'transition/accepted',
      'transition/succeeded',
    ])
  })

  test('J8: each accepted step leaves one audit event, in order', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    await agent.succeed()
    const job = await onlyJob(fleet)
    const { items } = await fleet.store.read.audit({ size: 50 }, { subject: job.id })
    expect(items.map(each => each.action).reverse()).toEqual([
      'job.created',
      'job.assign',
      'job.accepted',
      'job.succeeded',
    ])
  })

  test('J12: the same result sent twice is answered twice and recorded once', async () => {
    await using world = await withDatabase()
    const { agent, fleet, database } = world
    const { result, ack } = await agent.succeed()
    agent.result(result)
    const again = await agent.next('ack', each => each.resultId === result.resultId)
    expect(again.disposition).toBe(ack.disposition)
    expect((await fleet.store.read.backups({ size: 10 }, { databaseId: database.id })).items).toHaveLength(1)
  })

  test('J2: an offer that is not accepted in time becomes another attempt with a higher epoch', async () => {
    await using world = await withDatabase({ times: { accept: '150ms' } })
    const { agent } = world
    const first = await agent.next('assign')
    const second = await agent.next('assign')
    expect(refOf(second).jobId).toBe(refOf(first).jobId)
    expect(refOf(second).epoch).toBe(refOf(first).epoch + 1)
    expect(refOf(second).attemptId).not.toBe(refOf(first).attemptId)
    // the late `accepted` of the first is told that it is superseded, and starts nothing
    agent.send({ $case: 'accepted', value: { attempt: refOf(first) } })
    await agent.next('cancel', each => each.attempt?.attemptId === refOf(first).attemptId)
    expect(agent.frames.some(f => f.$case === 'start')).toBe(false)
  })

  test('J6, J7: a lease runs out, the next attempt is made, the first still commits: surplus, and the clock is fed', async () => {
    await using world = await withDatabase({ times: { lease_ttl: '400ms' } }, { heartbeats: 'idle' })
    const { agent, fleet, database } = world
    const first = await agent.next('assign')
    await agent.accept(first)
    const second = await agent.next('assign')
    // the planner told the first that it is superseded
    await agent.next('cancel', each => each.attempt?.attemptId === refOf(first).attemptId)
    const late = agent.result(successOf(first, agent))
    const ack = await agent.next('ack', each => each.resultId === late.resultId)
    expect(ack.disposition).toBe(AckDisposition.SURPLUS)
    const state = await fleet.store.read.databaseState(database.id)
    expect(state).toMatchObject({ protection: 'protected', backups: 1 })
    // the job was not touched
    expect((await onlyJob(fleet)).state).toMatchObject({
      kind: 'assigned',
      attempt: { id: refOf(second).attemptId },
    })
    const backups = await fleet.store.read.backups({ size: 10 }, { databaseId: database.id })
    expect(backups.items.map(each => each.surplus)).toEqual([true])
  })

  test('J6: a stream that is cut and comes back is resumed: same attempt, Start again, one backup', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    agent.cut()
    const back = await agent.again()
    await back.next('start', each => each.attempt?.attemptId === ref.attemptId)
    const result = back.result(successOf(assign, back))
    expect((await back.next('ack', each => each.resultId === result.resultId)).disposition).toBe(
      AckDisposition.RECORDED,
    )
    expect((await onlyJob(fleet)).epoch).toBe(1)
    await back.close()
  })

  test('J6: an offer that was lost with the stream is made again at the next Hello: the same attempt', async () => {
    await using world = await withDatabase({ times: { accept: '1m', lease_ttl: '1m' } })
    const { agent, fleet } = world
    const first = await agent.next('assign')
    agent.cut()
    const back = await agent.again()
    const again = await back.next('assign')
    expect(refOf(again)).toEqual(refOf(first))
    await back.accept(again)
    expect((await onlyJob(fleet)).epoch).toBe(1)
    await back.close()
  })

  test('J10: an agent that dropped the attempt for want of Start says so again at its next Hello, and no lease is waited for', async () => {
    await using world = await withDatabase({ times: { accept: '1m', lease_ttl: '1m' } })
    const { agent, fleet } = world
    const ref = await agent.accept(await agent.next('assign'))
    // neither Start nor the word that it was dropped got through
    agent.cut()
    const back = await agent.again({ running: [] })
    await back.next('start', each => each.attempt?.attemptId === ref.attemptId)
    const failure = { code: 'job.not-accepted', message: 'dropped', hint: '', context: [], problems: [] }
    back.send({ $case: 'declined', value: { attempt: ref, failure } })
    const next = await back.next('assign')
    expect(refOf(next)).toMatchObject({ jobId: ref.jobId, epoch: 2 })
    const rows = await fleet.store.read.attempts((await onlyJob(fleet)).id)
    expect(rows.find(each => each.id === ref.attemptId)).toMatchObject({
      outcome: 'declined',
      failure: { code: 'job.not-accepted' },
    })
    await back.close()
  })

  test('J6: an attempt whose lease ran out is resumed by the heartbeat of its living agent', async () => {
    await using world = await withDatabase(
      { ...patient, times: { lease_ttl: '400ms' } },
      // who does not beat at all is silent soon, and gets no work
      { heartbeats: 'idle' },
    )
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    await jobIn(fleet, 'queued')
    agent.heartbeat()
    await agent.next('start', each => each.attempt?.attemptId === ref.attemptId)
    expect((await onlyJob(fleet)).state).toMatchObject({ kind: 'running', attempt: { epoch: 1 } })
  })

  test('J6: a new boot that names neither the attempt nor its result ends it at once', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const ref = await agent.accept(await agent.next('assign'))
    agent.cut()
    const reborn = await agent.again({ bootId: 'another-boot', running: [] })
    const next = await reborn.next('assign')
    expect(refOf(next).epoch).toBe(2)
    const rows = await fleet.store.read.attempts((await onlyJob(fleet)).id)
    expect(rows.find(each => each.id === ref.attemptId)).toMatchObject({
      outcome: 'lost',
      failure: { code: 'job.agent-restarted' },
    })
    await reborn.close()
  })

  test('J6: a new boot that names the result of the attempt keeps it until the result comes', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    agent.cut()
    const reborn = await agent.again({ bootId: 'another-boot', running: [], unacknowledged: [ref] })
    const result = reborn.result(successOf(assign, reborn))
    expect((await reborn.next('ack', each => each.resultId === result.resultId)).disposition).toBe(
      AckDisposition.RECORDED,
    )
    expect((await onlyJob(fleet)).state.kind).toBe('succeeded')
    await reborn.close()
  })

  test('P4: the coordinator restarts in the middle: nothing fails, nothing runs twice', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    await fleet.restart()
    const back = await agent.again()
    await back.next('start', each => each.attempt?.attemptId === ref.attemptId)
    const result = back.result(successOf(assign, back))
    expect((await back.next('ack', each => each.resultId === result.resultId)).disposition).toBe(
      AckDisposition.RECORDED,
    )
    const job = await onlyJob(fleet)
    expect(job).toMatchObject({ epoch: 1, state: { kind: 'succeeded' } })
    expect(new Set([...agent.terms, ...back.terms]).size).toBe(2)
    await back.close()
  })

  test('an attempt that failed is tried again, at last the job fails and one alert opens; a success resolves it', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    for (let i = 0; i < 3; i++) {
      const assign = await agent.next('assign')
      await agent.accept(assign)
      agent.result(failureOf(assign))
    }
    await jobIn(fleet, 'failed')
    const alert = (await fleet.store.read.openAlerts()).find(each => each.kind === 'job-failed')
    expect(alert?.summary).toContain('orders')
    // due again after the longest back-off, as a job of its own
    const { ack } = await agent.succeed()
    expect(ack.disposition).toBe(AckDisposition.RECORDED)
    expect((await fleet.store.read.openAlerts()).filter(each => each.kind === 'job-failed')).toEqual([])
  })

  test('J5: a manifest that does not hold is no backup: rejected, and the attempt failed', async () => {
    await using world = await withDatabase(patient)
    const { agent, fleet, database } = world
    const assign = await agent.next('assign')
    await agent.accept(assign)
    const result = agent.result(successOf(assign, agent, { databaseId: 'dbs_somebody-else' }))
    const ack = await agent.next('ack', each => each.resultId === result.resultId)
    expect(ack).toMatchObject({ disposition: AckDisposition.REJECTED })
    expect(ack.reason).toContain('databases[0].id')
    expect((await fleet.store.read.backups({ size: 10 }, { databaseId: database.id })).items).toEqual([])
    expect((await fleet.store.read.attempts((await onlyJob(fleet)).id))[0]).toMatchObject({
      outcome: 'failed',
      failure: { code: 'manifest.invalid' },
    })
  })

  test('a manifest of a later format version is refused as that, not as a broken one', async () => {
    await using world = await withDatabase(patient)
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    await agent.accept(assign)
    const success = successOf(assign, agent)
    const later = { ...JSON.parse(Buffer.from(success.manifest ?? '').toString('utf8')), version: 2 }
    const result = agent.result({ ...success, manifest: Buffer.from(JSON.stringify(later)) })
    const ack = await agent.next('ack', each => each.resultId === result.resultId)
    expect(ack).toMatchObject({ disposition: AckDisposition.REJECTED })
    expect(ack.reason).toContain('format version 2')
    expect((await fleet.store.read.attempts((await onlyJob(fleet)).id))[0]).toMatchObject({
      failure: { code: 'manifest.newer' },
    })
  })

  test('A7: what a backup claims of its time is corrected by the clock of its host and cannot lie in the future', async () => {
    const error = 3_600_000
    await using world = await withDatabase({}, { clockError: error })
    const { agent, fleet, database } = world
    const truth = Date.now()
    await agent.succeed({ dataAsOf: truth + error })
    const state = await fleet.store.read.databaseState(database.id)
    expect(Math.abs((state?.lastDataAsOf ?? 0) - truth)).toBeLessThan(30_000)
  })

  test('a manual backup: the same request id gives the same job; an open job is returned instead of a second', async () => {
    await using world = await withDatabase()
    const { agent, fleet, database } = world
    await agent.succeed()
    const request = { databaseId: database.id, requestId: 'r1', reason: 'before the migration' }
    const { operations } = fleet.coordinator
    const one = await operations.startBackup(admin, request)
    const same = await operations.startBackup(admin, request)
    const other = await operations.startBackup(admin, { ...request, requestId: 'r2' })
    expect(one.existing).toBe(false)
    expect(same.job.id).toBe(one.job.id)
    expect(same.existing).toBe(false)
    expect(other).toMatchObject({ existing: true, job: { id: one.job.id } })
    await expect(
      operations.cancelJob(admin, { jobId: one.job.id, requestId: 'r1', reason: '' }),
    ).rejects.toMatchObject({ code: 'conflict' })
    const { ack } = await agent.succeed()
    expect(ack.disposition).toBe(AckDisposition.RECORDED)
  })

  test('a cancelled job: the agent is told, and when it has rolled back the job is cancelled', async () => {
    await using world = await withDatabase(patient)
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    const job = await onlyJob(fleet)
    await fleet.coordinator.operations.cancelJob(admin, { jobId: job.id, requestId: 'c1', reason: 'not now' })
    await agent.next('cancel', each => each.attempt?.attemptId === ref.attemptId)
    const result = agent.result({ ...failureOf(assign), outcome: 'cancelled' })
    await agent.next('ack', each => each.resultId === result.resultId)
    expect((await onlyJob(fleet)).state).toMatchObject({ kind: 'cancelled', reason: 'not now' })
  })

  test('J13: a success that was on its way when the cancel came ends the job succeeded', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    await agent.accept(assign)
    const job = await onlyJob(fleet)
    await fleet.coordinator.operations.cancelJob(admin, { jobId: job.id, requestId: 'c1', reason: '' })
    const result = agent.result(successOf(assign, agent))
    expect((await agent.next('ack', each => each.resultId === result.resultId)).disposition).toBe(
      AckDisposition.RECORDED,
    )
    expect((await onlyJob(fleet)).state.kind).toBe('succeeded')
  })

  test('a watcher sees the job through: states, progress, the end', async () => {
    await using world = await withDatabase()
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const { id } = await onlyJob(fleet)
    const seen: string[] = []
    const watching = (async () => {
      for await (const view of fleet.coordinator.operations.watchJob(id, new AbortController().signal))
        seen.push(view.progress === undefined ? view.job.state.kind : `at ${view.progress.stage}`)
    })()
    const ref = await agent.accept(assign)
    agent.send({
      $case: 'progress',
      value: {
        attempt: ref,
        report: {
          stage: 'dump',
          rawBytes: 1,
          storedBytes: 1,
          predictedRawBytes: 0,
          bytesPerSecond: 0,
          remainingMs: 0,
          retries: 0,
        },
      },
    })
    await waitUntil(() => seen.includes('at dump'), { what: 'progress to be seen' })
    agent.result(successOf(assign, agent))
    await watching
    expect(seen[0]).toBe('assigned')
    expect(seen.at(-1)).toBe('succeeded')
  })
})
