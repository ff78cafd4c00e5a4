import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import { type WebhookSink, waitUntil, webhookSink } from '../../harness/index.ts'
import { admin, discovered, type Running, running } from '../running.ts'

// one coordinator with a breach that nobody can mend

let fleet: Running
let sink: WebhookSink
beforeAll(async () => {
  sink = await webhookSink()
  fleet = await running({
    policies: [{ name: 'tight', every: '1s', rpo: '1s', destination: 'main' }],
    alerts: { webhooks: { ops: { url: sink.url } }, group_wait: '0s' },
  })
  fleet.source.show([discovered()])
})
afterAll(async () => {
  await fleet[Symbol.asyncDispose]()
  await sink.stop()
})

const breach = () =>
  waitUntil(async () => (await fleet.store.read.openAlerts()).find(each => each.kind === 'rpo-breach'), {
    what: 'a breach',
  })
const asked = (requestId: string) => ({ requestId, reason: 'a test' })
const audited = async (action: string) =>
  (await fleet.store.read.audit({ size: 10 }, { action })).items.map(each => each.reason)

describe('alerts in the hands of people', () => {
  test('a breach without an agent is told, with what routes and silences select by', async () => {
    const alert = await breach()
    expect(alert.labels).toMatchObject({ datacenter: ['dc1'], service: ['orders-db'], host: ['host1'] })
    await sink.received(1)
    expect(sink.requests[0]?.json()).toMatchObject({ event: 'opened', alert: { id: alert.id } })
  })

  test('acknowledging is written down once, in the audit too, and again gives the same', async () => {
    const { id } = await breach()
    const ops = fleet.coordinator.operations
    for (let i = 0; i < 2; i++)
      expect((await ops.ackAlert(admin, { alert: id, ...asked('ack-1') })).ack).toMatchObject({
        by: 'operator:test-admin',
        reason: 'a test',
      })
    expect(await audited('alert.acknowledged')).toEqual(['a test'])
    expect((await ops.ackAlert(admin, { alert: (await breach()).dedupKey, ...asked('ack-2') })).id).toBe(id)
    await expect(ops.ackAlert(admin, { alert: 'nonsense', ...asked('ack-3') })).rejects.toThrow(
      'there is no alert',
    )
  })

  test('a silence needs a reason, a selector and an end; it holds, is listed, and can be ended', async () => {
    const ops = fleet.coordinator.operations
    const silence = (over: object) =>
      ops.silenceAlerts(admin, {
        selector: { service: ['orders-*'] },
        duration: 60_000,
        ...asked('s-1'),
        ...over,
      })
    for (const wrong of [{ reason: ' ' }, { selector: {} }, { duration: 0 }, { duration: 32 * 86_400_000 }])
      await expect(silence(wrong)).rejects.toBeInstanceOf(AppError)
    const { silence: made, matches } = await silence({})
    expect(matches).toBe(1)
    expect((await fleet.store.read.silences(Date.now())).map(each => each.id)).toEqual([made.id])
    await ops.endSilence(admin, { silenceId: made.id, ...asked('s-2') })
    expect(await fleet.store.read.silences(Date.now() + 1)).toEqual([])
    await expect(ops.endSilence(admin, { silenceId: made.id, ...asked('s-3') })).rejects.toThrow('is over')
    expect(await audited('alert.silenced')).toEqual(['a test'])
    expect(await audited('alert.silence-ended')).toEqual(['a test'])
  })

  test('testing a channel sends a marked message and tells what it answered', async () => {
    const ops = fleet.coordinator.operations
    const signal = new AbortController().signal
    const before = sink.requests.length
    expect(await ops.testAlertChannel(admin, { channel: 'ops', ...asked('t-1') }, signal)).toMatchObject({
      delivered: true,
      answer: `127.0.0.1:${sink.port} answered 200`,
    })
    expect(sink.requests[before]?.json()).toMatchObject({ alert: { kind: 'test', severity: 'info' } })
    sink.refuse(503)
    expect(await ops.testAlertChannel(admin, { channel: 'ops', ...asked('t-2') }, signal)).toMatchObject({
      delivered: false,
      answer: `127.0.0.1:${sink.port} answered 503`,
    })
    await expect(ops.testAlertChannel(admin, { channel: 'x', ...asked('t-3') }, signal)).rejects.toThrow(
      'no alert channel',
    )
    expect(await audited('alert.channel-tested')).toHaveLength(2)
  })

  test('who sees only some clusters may neither look after nor silence what concerns all', async () => {
    const narrow = { ...admin, scope: { kind: 'clusters', clusterIds: new Set() } } as typeof admin
    await expect(
      fleet.coordinator.operations.silenceAlerts(narrow, {
        selector: { kind: ['*'] },
        duration: 1,
        ...asked('n'),
      }),
    ).rejects.toMatchObject({ code: 'access.denied' })
  })
})
