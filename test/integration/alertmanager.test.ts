import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAlertmanager } from '../../coordinator/alerts/alertmanager.ts'
import type { Notification } from '../../coordinator/alerts/index.ts'
import { notification } from '../coordinator/alerts/notifications.ts'
import { type AlertmanagerServer, startAlertmanager } from '../harness/alertmanager.ts'
import { requireServers, type WebhookSink, waitUntil, webhookSink } from '../harness/index.ts'

const here = await requireServers('a real Alertmanager', 'alertmanager')
describe.skipIf(here.missing)('the channel to Alertmanager, against a real one', () => {
  let people: WebhookSink
  let server: AlertmanagerServer
  const opened = (more: Parameters<typeof notification>[1] = {}) =>
    notification('opened', { opened_at: new Date().toISOString(), ...more })
  const channel = () =>
    createAlertmanager({ name: 'am', url: server.url, timeout: 10_000, now: () => Date.now() })
  const deliver = (what: Notification) => channel().deliver(what, new AbortController().signal)
  const told = (status: string, id: string) =>
    people.requests
      .flatMap(
        each =>
          (each.json() as { alerts: readonly { status: string; labels: Record<string, string> }[] }).alerts,
      )
      .filter(each => each.status === status && each.labels['holdfast_alert'] === id)

  beforeAll(async () => {
    people = await webhookSink()
    server = await startAlertmanager(people.url)
  }, 60_000)
  afterAll(async () => {
    await server?.stop()
    await people?.stop()
  })

  test('an alert is taken, awkward names and all, stands there once however often it is said, and reaches people', async () => {
    for (let i = 0; i < 3; i++)
      expect(await deliver(opened({ id: 'alr_1' }))).toMatchObject({ kind: 'delivered' })
    const [held, ...others] = (await server.alerts()).filter(
      each => each.labels['holdfast_alert'] === 'alr_1',
    )
    expect(others).toEqual([])
    expect(held).toMatchObject({
      labels: {
        alertname: 'HoldfastRpoBreach',
        dedup_key: 'breach/dbs_1',
        datacenter: 'ams',
        service: 'orders',
      },
      annotations: { severity: 'critical', reason: 'overdue', explains: '12: one; two' },
      status: { state: 'active' },
    })
    await waitUntil(() => told('firing', 'alr_1').length > 0, { what: 'people to be told' })
  })

  test('its end ends it there and is told', async () => {
    await deliver(opened({ id: 'alr_2', dedup_key: 'breach/dbs_2' }))
    await waitUntil(() => told('firing', 'alr_2').length > 0, { what: 'people to be told' })
    const over = notification('resolved', {
      id: 'alr_2',
      dedup_key: 'breach/dbs_2',
      resolved_at: new Date(Date.now() - 1_000).toISOString(),
    })
    expect(await deliver(over)).toMatchObject({ kind: 'delivered' })
    await waitUntil(() => told('resolved', 'alr_2').length > 0, { what: 'the end to be told' })
    expect((await server.alerts()).some(each => each.labels['holdfast_alert'] === 'alr_2')).toBe(false)
  })

  test('what it refuses was surely not taken, and the next one is', async () => {
    const bad = opened({ id: 'alr_3', opened_at: 'yesterday' })
    expect(await deliver(bad)).toMatchObject({ kind: 'failed', definite: true })
    expect(await deliver(opened({ id: 'alr_3' }))).toMatchObject({ kind: 'delivered' })
  })
})
