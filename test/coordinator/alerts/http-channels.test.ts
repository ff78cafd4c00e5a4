import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAlertmanager } from '../../../coordinator/alerts/alertmanager.ts'
import {
  createWebhook,
  type Notification,
  type Notifier,
  startRepeats,
} from '../../../coordinator/alerts/index.ts'
import { createPagerDuty } from '../../../coordinator/alerts/pagerduty.ts'
import { createSlack } from '../../../coordinator/alerts/slack.ts'
import { testChannel } from '../../../coordinator/alerts/test-channel.ts'
import type { AlertRecord } from '../../../coordinator/store/records.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import type { AlertId } from '../../../shared/model/identifiers.ts'
import { freePort } from '../../harness/free-port.ts'
import { type WebhookSink, webhookSink } from '../../harness/webhook-sink.ts'
import { notification } from './notifications.ts'

const secret = 'pl4nted-s3cret'
const now = Date.UTC(2026, 10, 2, 10)

let sink: WebhookSink
beforeEach(async () => {
  sink = await webhookSink()
})
afterEach(() => sink.stop())

const channels: readonly (readonly [string, (base: string, timeout: number) => Notifier])[] = [
  ['Slack', (base, timeout) => createSlack({ name: 'c', url: `${base}services/${secret}`, timeout })],
  [
    'PagerDuty',
    (base, timeout) => createPagerDuty({ name: 'c', key: secret, url: `${base}v2/enqueue`, timeout }),
  ],
  [
    'Alertmanager',
    (base, timeout) =>
      createAlertmanager({
        name: 'c',
        url: base,
        user: 'holdfast',
        password: secret,
        timeout,
        now: () => now,
      }),
  ],
  [
    'a signed webhook',
    (base, timeout) => createWebhook({ name: 'c', url: `${base}${secret}`, secret, timeout }),
  ],
]

const deliver = (channel: Notifier, what: Notification = notification(), signal?: AbortSignal) =>
  channel.deliver(what, signal ?? new AbortController().signal)

describe.each(channels)('%s', (_name, make) => {
  it('that is refused, broken, slow, gone or not there says so honestly, and never says its secret', async () => {
    const seen = []
    for (const [status, definite] of [
      [400, true],
      [403, true],
      [500, false],
      [502, false],
    ] as const) {
      sink.refuse(status)
      const delivery = await deliver(make(sink.url, 5_000))
      expect(delivery).toMatchObject({
        kind: 'failed',
        definite,
        error: `127.0.0.1:${sink.port} answered ${status}`,
      })
      seen.push(delivery)
    }
    sink.respond({ status: 429, headers: { 'Retry-After': '7' } })
    seen.push(await deliver(make(sink.url, 5_000)))
    expect(seen.at(-1)).toMatchObject({ kind: 'failed', definite: true, retryAfter: 7_000 })
    sink.respond({})
    sink.delay(20_000)
    seen.push(await deliver(make(sink.url, 50)))
    expect(seen.at(-1)).toMatchObject({ kind: 'failed', definite: false })
    sink.drop()
    seen.push(await deliver(make(sink.url, 5_000)))
    expect(seen.at(-1)).toMatchObject({ kind: 'failed', definite: false })
    seen.push(await deliver(make(`http://127.0.0.1:${await freePort()}/`, 5_000)))
    expect(seen.at(-1)).toMatchObject({ kind: 'failed', definite: true })
    expect(JSON.stringify(seen)).not.toContain(secret)
    // and it recovers
    expect(await deliver(make(sink.url, 5_000))).toMatchObject({ kind: 'delivered' })
  })

  it('is left at once when Holdfast stops', async () => {
    sink.delay(20_000)
    const stopping = new AbortController()
    const delivery = deliver(make(sink.url, 5_000), notification(), stopping.signal)
    stopping.abort()
    expect(await delivery).toMatchObject({ kind: 'failed', error: 'interrupted', definite: false })
  })

  it('gets a test that says it is one, and leaves nothing open', async () => {
    const answer = await testChannel(
      make(sink.url, 5_000),
      { id: 'alr_t' as AlertId, by: 'operator:me', at: now },
      new AbortController().signal,
    )
    expect(answer).toMatchObject({ kind: 'delivered', note: `127.0.0.1:${sink.port} answered 200` })
    expect(sink.requests[0]?.body).toContain('TEST from Holdfast')
  })
})

describe('Slack', () => {
  const slack = () => createSlack({ name: 'c', url: `${sink.url}services/${secret}`, timeout: 5_000 })

  it('tells the one word of a refusal, and nothing that is longer', async () => {
    sink.respond({ status: 404, body: 'no_service' })
    expect(await deliver(slack())).toMatchObject({ error: `127.0.0.1:${sink.port} answered 404 no_service` })
    sink.respond({ status: 404, body: `no service ${secret}` })
    expect(await deliver(slack())).toMatchObject({ error: `127.0.0.1:${sink.port} answered 404` })
  })

  it('gets blocks within its limits, and a name cannot ping a channel', async () => {
    await deliver(
      slack(),
      notification('opened', { summary: `<!channel> ${'x'.repeat(9_000)}`, kind: 'y'.repeat(300) }),
    )
    const message = sink.requests[0]?.json() as {
      text: string
      blocks: { type: string; text?: { text: string }; fields?: { text: string }[] }[]
    }
    expect(JSON.stringify(message)).not.toContain('<!')
    expect(message.blocks.map(each => each.type)).toEqual([
      'header',
      'section',
      'section',
      'section',
      'context',
    ])
    expect(message.blocks[0]?.text?.text.length).toBeLessThanOrEqual(150)
    expect(message.blocks[1]?.text?.text.length).toBeLessThanOrEqual(3_000)
    expect(message.blocks[3]?.text?.text).toBe('*Explains*\n• one\n• two\n• and 10 more')
  })
})

describe('PagerDuty', () => {
  const pager = () => createPagerDuty({ name: 'c', key: secret, url: sink.url, timeout: 5_000 })

  it('triggers and resolves one incident by one dedup key; reminders are the same incident', async () => {
    for (const event of ['opened', 'reminder', 'updated', 'resolved'] as const)
      await deliver(pager(), notification(event))
    const events = sink.requests.map(each => each.json() as Record<string, unknown>)
    expect(events.map(each => each['event_action'])).toEqual(['trigger', 'trigger', 'trigger', 'resolve'])
    expect(new Set(events.map(each => each['dedup_key']))).toEqual(new Set(['holdfast/alr_1']))
    expect(events[0]).toMatchObject({
      routing_key: secret,
      payload: {
        severity: 'critical',
        source: 'orders/<b>shop</b>',
        timestamp: '2026-11-02T08:00:00.000Z',
        group: 'ams',
      },
    })
  })

  it('is not bothered with notices', async () => {
    expect(await deliver(pager(), notification('notice'))).toMatchObject({ kind: 'delivered' })
    expect(sink.requests).toEqual([])
  })
})

describe('Alertmanager', () => {
  const manager = () => createAlertmanager({ name: 'am', url: sink.url, timeout: 5_000, now: () => now })

  it('gets an alert that stands for minutes, then its end, under the same labels', async () => {
    await deliver(manager())
    await deliver(manager(), notification('resolved', { severity: 'warning' }))
    expect(sink.requests.map(({ path }) => path)).toEqual(['/api/v2/alerts', '/api/v2/alerts'])
    const [[opened], [resolved]] = sink.requests.map(each => each.json()) as [
      [Record<string, unknown>],
      [Record<string, unknown>],
    ]
    expect(opened).toMatchObject({
      labels: {
        alertname: 'HoldfastRpoBreach',
        holdfast_alert: 'alr_1',
        datacenter: 'ams',
        service: 'orders',
      },
      annotations: { severity: 'critical', reason: 'overdue' },
      startsAt: '2026-11-02T08:00:00.000Z',
      endsAt: '2026-11-02T10:05:00.000Z',
    })
    expect(resolved).toMatchObject({ endsAt: '2026-11-02T09:00:00.000Z' })
    expect(resolved?.['labels']).toEqual(opened?.['labels'])
  })

  it('hears of what is open again and again until it is over, and of nothing it was not told', async () => {
    const standing = (id: string, told: readonly string[]): AlertRecord => ({
      id: id as AlertId,
      dedupKey: `breach/${id}`,
      kind: 'rpo-breach',
      severity: 'critical',
      summary: 'x',
      facts: {},
      state: 'open',
      openedAt: now,
      channels: told,
    })
    const { repeat } = manager()
    if (repeat === undefined) throw new Error('Alertmanager must be told again')
    const open = [standing('alr_1', ['am']), standing('alr_2', ['chat']), standing('alr_3', ['am', 'chat'])]
    let leads = true
    const repeats = startRepeats({
      notifiers: new Map([['am', { ...manager(), repeat: { ...repeat, every: 20 } }]]),
      open: () => open,
      leads: () => leads,
      clock: systemClock,
      log: silentLog,
    })
    try {
      sink.refuse(500)
      const [, second] = await sink.received(3)
      const ids = ((second?.json() ?? []) as { labels: { holdfast_alert: string } }[]).map(
        each => each.labels.holdfast_alert,
      )
      expect(ids).toEqual(['alr_1', 'alr_3'])
      leads = false
    } finally {
      await repeats.close()
    }
  })
})

describe('a signed webhook', () => {
  it('proves time and body by HMAC-SHA256; each retry is signed anew over the same bytes', async () => {
    let seconds = 1_800_000_000
    const hook = createWebhook({ name: 'c', url: sink.url, secret, seconds: () => seconds, timeout: 5_000 })
    await deliver(hook)
    seconds += 60
    await deliver(hook)
    const [first, second] = sink.requests
    for (const [request, at] of [
      [first, 1_800_000_000],
      [second, 1_800_000_060],
    ] as const) {
      const mac = createHmac('sha256', secret).update(`${at}.${request?.body}`).digest('hex')
      expect(request?.headers['holdfast-signature']).toBe(`t=${at},v1=${mac}`)
    }
    expect(second?.body).toBe(first?.body)
    expect(first?.headers['idempotency-key']).toBe(second?.headers['idempotency-key'])
  })
})
