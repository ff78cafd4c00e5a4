import { connect as dial } from 'node:http2'
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import { appErrorFromServiceError, appErrorToStatus } from '../../../shared/wire/call-failure.ts'
import { AckDisposition } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { emptyResult, FakeAgent, refOf } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { type Running, running, withDatabase } from '../running.ts'
import { operatorAt, tokenFor } from './asking.ts'

const listJobs = '/holdfast.v1.OperatorService/ListJobs'
const getJob = '/holdfast.v1.OperatorService/GetJob'

function raw(port: number, path: string, bytes: Buffer): Promise<{ code: status; error?: AppError }> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  return new Promise(resolve =>
    client.makeUnaryRequest<Buffer, Buffer>(
      path,
      same => same,
      same => same,
      bytes,
      (error: ServiceError | null) => {
        client.close()
        resolve(
          error === null ? { code: status.OK } : { code: error.code, error: appErrorFromServiceError(error) },
        )
      },
    ),
  )
}

function audited(fleet: Running, reason: string, actor?: string) {
  return waitUntil(
    async () =>
      (await fleet.store.read.audit({ size: 50 }, { action: 'security.refused' })).items.find(
        each => each.reason === reason && (actor === undefined || each.actor === actor),
      ),
    { what: `a refusal ${reason}` },
  )
}

describe('what comes in at the door', () => {
  test('a message that is none of the contract is the fault of who sent it, not of the coordinator', async () => {
    await using fleet = await running()
    const answer = await raw(fleet.port, listJobs, Buffer.from([0x0a, 0xff, 0xff, 0xff]))
    expect(answer.code).toBe(status.INVALID_ARGUMENT)
    expect(answer.error).toMatchObject({ code: 'request.invalid' })
    // a number beyond what is exact: the decoder throws at it
    const huge = Buffer.from([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
    expect((await raw(fleet.port, '/holdfast.v1.OperatorService/GetPlan', huge)).code).toBe(
      status.INVALID_ARGUMENT,
    )
    await audited(fleet, 'request.invalid')
  })

  test('a message that does not decompress is refused the same way', async () => {
    await using fleet = await running()
    expect(await compressed(fleet.port, Buffer.from('no gzip'))).toBe(String(status.INVALID_ARGUMENT))
    await audited(fleet, 'request.invalid')
  })

  test('an answer whose text was cut inside a character is sent, and ends nothing', async () => {
    await using fleet = await running()
    // the handler cuts what it repeats at 80 characters: inside the 40th of these
    const id = Buffer.from(`x${'😀'.repeat(60)}`)
    const answer = await raw(fleet.port, getJob, Buffer.concat([Buffer.from([0x0a, 0xf1, 0x01]), id]))
    expect(answer.code).toBe(status.INVALID_ARGUMENT)
    const cut = appErrorToStatus(new AppError('conflict', { message: `${'x'.repeat(1_023)}😀` }))
    expect(cut.details?.isWellFormed()).toBe(true)
  })

  test('one that is too large is refused, counted and audited; the next call is answered', async () => {
    await using fleet = await running({ limits: { message: '1MiB' } })
    const answer = await raw(fleet.port, listJobs, Buffer.alloc(2 << 20))
    expect(answer).toMatchObject({ code: status.RESOURCE_EXHAUSTED, error: { code: 'link.too-large' } })
    await audited(fleet, 'link.too-large')
    using local = operatorAt(fleet.port)
    await local.ask('whoAmI', {})
  })

  test('an operator who asks too often is refused and named; another one notices nothing', async () => {
    await using fleet = await running({ limits: { calls: { rate: 1, burst: 20 } } })
    using mallory = operatorAt(fleet.port, await tokenFor(fleet.port, 'mallory', 'viewer'))
    using alice = operatorAt(fleet.port, await tokenFor(fleet.port, 'alice', 'viewer'))
    const asks = Array.from({ length: 60 }, () =>
      mallory.ask('whoAmI', {}).then(
        () => 'answered',
        (error: AppError) => error.code,
      ),
    )
    const ends = await Promise.all(asks)
    expect(ends.filter(each => each === 'answered').length).toBeLessThan(60)
    expect(new Set(ends)).toEqual(new Set(['answered', 'access.flooding']))
    await alice.ask('whoAmI', {})
    await audited(fleet, 'access.flooding', 'operator:mallory')
  })

  test('a stream that says no Hello is cut', async () => {
    await using fleet = await running({ limits: { hello: '100ms' } })
    const silent = FakeAgent.dial({ port: fleet.port })
    await waitUntil(() => silent.status !== undefined, { what: 'the end of the stream' })
    expect(silent.status).toMatchObject({ code: status.INVALID_ARGUMENT })
    await audited(fleet, 'no-hello')
    silent.cut()
  })

  test('an agent that floods is read no faster and told of; nothing is lost, and another is served at once', async () => {
    await using world = await withDatabase({ limits: { frames: { rate: 20, burst: 10 } } })
    const { fleet, agent } = world
    const flood = await fleet.agent({ hostname: 'elsewhere', heartbeats: false })
    const assign = await agent.next('assign')
    const sent = Array.from({ length: 50 }, () =>
      flood.result({ ...emptyResult(refOf(assign)), outcome: 'failed' }),
    )
    await agent.accept(assign)
    await audited(fleet, 'flooding', `agent:${flood.agentId}`)
    const last = await flood.next('ack', each => each.resultId === sent.at(-1)?.resultId)
    expect(last.disposition).toBe(AckDisposition.REJECTED)
    expect(flood.count('ack')).toBe(50)
  })

  test('as many databases of one instance as are allowed are taken in; one more is refused, and what is known stays', async () => {
    await using world = await withDatabase({ limits: { databases: 300 }, policies: [] })
    const { fleet, agent, instanceId } = world
    const names = Array.from({ length: 300 }, (_, n) => `tenant_${n}`)
    agent.inventory(instanceId, names, { generation: 2, size: 100 })
    const known = async () => (await fleet.store.read.aggregates(0)).databases
    await waitUntil(async () => (await known()) === 300, { what: '300 databases', timeout: 30_000 })
    agent.inventory(instanceId, [...names, 'one_more'], { generation: 3, size: 100 })
    await audited(fleet, 'inventory-too-large')
    expect(await known()).toBe(300)
  })
})

/** A call whose message says it is gzip. */
async function compressed(port: number, body: Buffer): Promise<string> {
  const session = dial(`http://127.0.0.1:${port}`)
  try {
    const call = session.request({
      ':method': 'POST',
      ':path': listJobs,
      'content-type': 'application/grpc',
      'grpc-encoding': 'gzip',
      te: 'trailers',
    })
    const frame = Buffer.alloc(5)
    frame.writeUInt8(1, 0)
    frame.writeUInt32BE(body.length, 1)
    call.end(Buffer.concat([frame, body]))
    const { promise, resolve } = Promise.withResolvers<string>()
    call.on('response', headers => headers['grpc-status'] && resolve(String(headers['grpc-status'])))
    call.on('trailers', trailers => resolve(String(trailers['grpc-status'])))
    call.resume()
    return await promise
  } finally {
    session.close()
  }
}
