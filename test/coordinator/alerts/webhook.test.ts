import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { retryAfterOf } from '../../../coordinator/alerts/http.ts'
import { createWebhook, type Notification } from '../../../coordinator/alerts/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { freePort } from '../../harness/free-port.ts'
import { type WebhookSink, webhookSink } from '../../harness/webhook-sink.ts'

let sink: WebhookSink
beforeEach(async () => {
  sink = await webhookSink()
})
afterEach(() => sink.stop())

const body = '{"version":1}'
const notification: Notification = {
  idempotencyKey: 'alr_1.opened',
  dedupKey: 'breach/dbs_1',
  event: 'opened',
  body,
  payload: JSON.parse(body),
  attempt: 2,
}

function send(
  change: { url?: string; timeout?: number; headers?: Record<string, string> } = {},
  signal?: AbortSignal,
) {
  const webhook = createWebhook({
    name: 'ops',
    url: `${sink.url}hook/s3cr3t?token=t0ken`,
    timeout: 5_000,
    ...change,
  })
  return webhook.deliver(notification, signal ?? new AbortController().signal)
}

describe('a webhook', () => {
  it.each(['ftp://host/x', 'not a url', ''])('refuses the URL %s without repeating it', url => {
    try {
      createWebhook({ name: 'ops', url })
      expect.unreachable()
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(AppError)
      expect((thrown as AppError).code).toBe('config.invalid')
      if (url !== '') expect((thrown as AppError).message).not.toContain(url)
    }
  })

  it('that nobody listens for surely did not take it', async () => {
    const delivery = await send({ url: `http://127.0.0.1:${await freePort()}/s3cr3t` })
    expect(delivery).toMatchObject({ kind: 'failed', definite: true })
    expect(JSON.stringify(delivery)).toContain('ECONNREFUSED')
  })

  it.each([
    [400, true],
    [401, true],
    [404, true],
    [408, false],
    [410, true],
    [500, false],
    [502, false],
    [503, true],
    [504, false],
  ])('that answers %i failed; surely not taken: %s', async (status, definite) => {
    sink.refuse(status)
    expect(await send()).toEqual({
      kind: 'failed',
      error: `127.0.0.1:${sink.port} answered ${status}`,
      definite,
    })
  })

  it('that asks to wait by Retry-After is given that time, by 429 and 503 alone', async () => {
    sink.respond({ status: 429, headers: { 'Retry-After': '7' } })
    expect(await send()).toMatchObject({ kind: 'failed', definite: true, retryAfter: 7_000 })
    sink.respond({ status: 503, headers: { 'Retry-After': '1' } })
    expect(await send()).toMatchObject({ retryAfter: 1_000 })
    sink.respond({ status: 500, headers: { 'Retry-After': '7' } })
    expect(await send()).not.toHaveProperty('retryAfter')
  })

  it('is not followed to another place', async () => {
    sink.respond({ status: 307, headers: { Location: `${sink.url}elsewhere` } })
    expect(await send()).toMatchObject({ kind: 'failed', definite: true })
    expect(sink.requests.map(({ path }) => path)).toEqual(['/hook/s3cr3t?token=t0ken'])
  })

  it('that hangs is left after the time-out, and may have taken it', async () => {
    sink.delay(20_000)
    expect(await send({ timeout: 50 })).toMatchObject({ kind: 'failed', definite: false })
  })

  it('whose connection drops may have taken it', async () => {
    sink.drop()
    expect(await send()).toMatchObject({ kind: 'failed', definite: false })
    expect(sink.requests).toHaveLength(1)
  })

  it('is left at once when Holdfast stops', async () => {
    sink.delay(20_000)
    const stopping = new AbortController()
    const delivery = send({}, stopping.signal)
    stopping.abort()
    expect(await delivery).toMatchObject({ kind: 'failed', error: 'interrupted', definite: false })
  })

  it('never has its path, query or credentials in what is kept of a failure', async () => {
    const secret = new URL(`${sink.url}hook/s3cr3t?token=t0ken`)
    secret.username = 'ada'
    secret.password = 'p4ss'
    sink.refuse(500)
    sink.drop()
    const failures = [
      await send({ url: secret.href }),
      await send({ url: secret.href }),
      await send({ url: `http://127.0.0.1:${await freePort()}/s3cr3t?token=t0ken` }),
      await send({ url: 'http://nowhere.invalid/s3cr3t?token=t0ken' }),
    ]
    for (const failure of failures) {
      expect(failure.kind).toBe('failed')
      expect(JSON.stringify(failure)).not.toMatch(/s3cr3t|t0ken|p4ss|ada/)
    }
  })

  it('gets the stored bytes with the idempotency key, its own headers and basic authentication', async () => {
    const url = new URL(sink.url)
    url.username = 'ada'
    url.password = 'pä ss'
    expect(
      await send({ url: url.href, headers: { 'X-Team': 'dba', 'Content-Type': 'text/plain' } }),
    ).toMatchObject({
      kind: 'delivered',
    })
    const [request] = sink.requests
    expect(request?.method).toBe('POST')
    expect(request?.body).toBe(body)
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'idempotency-key': 'alr_1.opened',
      'holdfast-event': 'opened',
      'holdfast-attempt': '2',
      'x-team': 'dba',
      authorization: `Basic ${Buffer.from('ada:pä ss').toString('base64')}`,
    })
  })
})

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    ['0', 0],
    ['Fri, 15 Jan 2027 08:00:30 GMT', 30_000],
    ['Fri, 15 Jan 2027 07:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    [null, undefined],
  ])('%s', (text, expected) => {
    expect(retryAfterOf(text, 1_800_000_000_000)).toBe(expected)
  })
})
