import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createEmail, type EmailOptions } from '../../../coordinator/alerts/email.ts'
import type { Delivery } from '../../../coordinator/alerts/index.ts'
import { freePort } from '../../harness/free-port.ts'
import { type SmtpSink, smtpSink } from '../../harness/smtp-sink.ts'
import { notification } from './notifications.ts'

const password = 'pl4nted-s3cret'
let sink: SmtpSink
let plain: SmtpSink
beforeAll(async () => {
  ;[sink, plain] = await Promise.all([
    smtpSink({ user: 'holdfast', password }),
    smtpSink({ startTls: false }),
  ])
})
afterEach(() => sink.heal())
afterAll(() => Promise.all([sink.stop(), plain.stop()]))
function send(
  change: Partial<EmailOptions> = {},
  event: 'opened' | 'resolved' = 'opened',
  signal?: AbortSignal,
) {
  const channel = createEmail({
    name: 'mail',
    host: 'localhost',
    port: sink.port,
    tls: 'starttls',
    ca: sink.certificate,
    user: 'holdfast',
    password,
    from: 'Holdfast <holdfast@backup.example>',
    to: ['dba@example.org', 'oncall@example.org'],
    timeout: 5_000,
    ...change,
  })
  return channel.deliver(notification(event), signal ?? new AbortController().signal)
}

const failed = (delivery: Delivery) => {
  expect(JSON.stringify(delivery)).not.toContain(password)
  expect(JSON.stringify(delivery)).not.toContain(Buffer.from(`\0holdfast\0${password}`).toString('base64'))
  return delivery
}

describe('e-mail', () => {
  it('that no server takes surely did not leave', async () => {
    expect(failed(await send({ port: await freePort() }))).toMatchObject({ kind: 'failed', definite: true })
  })

  it.each([
    ['AUTH', '454 4.7.0 later', 'localhost answered 454'],
    ['MAIL', '451 4.3.0 later', 'localhost answered 451 to MAIL FROM'],
    ['RCPT', '550 5.1.1 nobody of that name', ''],
    ['DATA', '554 5.6.0 no', 'localhost answered 554 to DATA'],
    ['DOT', '552 5.3.4 too much', 'localhost answered 552 to DATA'],
  ])('refused at %s with %s is a clear no, told by its code alone', async (verb, reply, error) => {
    sink.answer(verb, reply)
    if (verb === 'RCPT') sink.answer(verb, reply)
    const delivery = failed(await send())
    expect(delivery).toMatchObject({ kind: 'failed', definite: true })
    if (error !== '') expect(delivery).toMatchObject({ error: expect.stringContaining(error) })
    expect(JSON.stringify(delivery)).not.toMatch(/nobody|later|too much/)
  })

  it('a wrong password is told without the password, though the server repeats it', async () => {
    const delivery = failed(await send({ password: `${password}x` }))
    expect(delivery).toMatchObject({
      kind: 'failed',
      error: 'localhost answered 535 to AUTH PLAIN',
      definite: true,
    })
  })

  it('one that hangs is left after the time-out; after the data it may have been taken', async () => {
    sink.hang('DOT')
    expect(await send({ timeout: 300 })).toEqual({
      kind: 'failed',
      error: 'localhost did not answer within 300 ms',
      definite: false,
    })
  })

  it('one that cuts after the data may have taken it', async () => {
    sink.drop('DOT')
    expect(await send()).toMatchObject({ kind: 'failed', definite: false })
  })

  it('is left at once when Holdfast stops', async () => {
    sink.hang('EHLO')
    const stopping = new AbortController()
    const delivery = send({}, 'opened', stopping.signal)
    setTimeout(() => stopping.abort(), 50)
    expect(await delivery).toMatchObject({ error: 'interrupted', definite: false })
  })

  it('sends neither message nor password in the clear where STARTTLS is not offered, nor to a certificate it does not know', async () => {
    const said = plain.said.length
    expect(failed(await send({ port: plain.port }))).toEqual({
      kind: 'failed',
      error: 'localhost offers no encryption',
      definite: true,
    })
    expect(plain.said.slice(said).join('\n')).not.toMatch(/AUTH|MAIL/)
    const before = sink.mails.length
    expect(failed(await send({ ca: plain.certificate }))).toMatchObject({ kind: 'failed' })
    expect(sink.mails).toHaveLength(before)
  })

  it('goes out encrypted, as text and HTML, with a Message-ID that is the same in every try', async () => {
    const before = sink.mails.length
    expect(await send()).toMatchObject({ kind: 'delivered', note: 'localhost took it' })
    await send()
    const [first, second] = (await sink.received(before + 2)).slice(before)
    expect(first).toMatchObject({
      from: 'holdfast@backup.example',
      to: ['dba@example.org', 'oncall@example.org'],
      user: 'holdfast',
      encrypted: true,
    })
    const id = /^Message-ID: (.*)$/im.exec(first?.data ?? '')?.[1]
    expect(id).toBe('<alr_1.opened@backup.example>')
    expect(second?.data).toContain(`Message-ID: ${id}`)
    expect(first?.data).toMatch(/^Subject: \[Holdfast\] CRITICAL: /m)
    expect(first?.data).toContain('text/plain')
    expect(first?.data).toContain('text/html')
    expect(first?.data).toContain('&lt;b&gt;')
    expect(first?.data).toMatch(/^Auto-Submitted: auto-generated$/m)
  })

  it('an end refers to its beginning', async () => {
    const before = sink.mails.length
    await send({}, 'resolved')
    const [mail] = (await sink.received(before + 1)).slice(before)
    expect(mail?.data).toMatch(/^In-Reply-To: <alr_1.opened@backup.example>$/m)
    expect(mail?.data).toMatch(/^Subject: \[Holdfast\] RESOLVED: /m)
  })

  it('that one of two addresses refuses is taken, and says so', async () => {
    sink.answer('RCPT', '550 5.1.1 unknown')
    expect(await send()).toMatchObject({
      kind: 'delivered',
      note: 'localhost took it, but not for 1 of 2 addresses',
    })
  })
})
