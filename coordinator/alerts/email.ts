import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import type { Duration } from '../../shared/time/index.ts'
import { isUnconnected } from './http.ts'
import type { Delivery, Notification, Notifier } from './notifier.ts'
import { detailsOf, explainedOf, headOf, short } from './words.ts'

/** A mail server and who writes to whom. */
export interface EmailOptions {
  readonly name: string
  readonly host: string
  readonly port: number
  /** `starttls` is required where it is said: no message and no password goes out in the clear. */
  readonly tls: 'starttls' | 'implicit' | 'none'
  /** Certificates (PEM) to trust instead of the system's. */
  readonly ca?: string
  readonly user?: string
  readonly password?: string
  readonly from: string
  readonly to: readonly string[]
  /** For the whole exchange. */
  readonly timeout: Duration
}

/**
 * E-mail over SMTP, as text and HTML. The `Message-ID` is made of the idempotency key, so that a mail that comes
 * twice is known as the same; later mails about an alert refer to its first. Nothing of what a server says is
 * repeated but its codes: it could say our password back.
 */
export function createEmail(options: EmailOptions): Notifier {
  return {
    name: options.name,
    deliver: (notification, signal) => send(options, notification, signal),
  }
}

async function send(
  options: EmailOptions,
  notification: Notification,
  signal: AbortSignal,
): Promise<Delivery> {
  const { host, port, tls, ca, user, password, timeout } = options
  // loaded by whoever sends mail: no start of a coordinator pays for it
  const { createTransport } = await import('nodemailer')
  const deadline = AbortSignal.timeout(timeout)
  const ended = AbortSignal.any([deadline, signal])
  let socket: Socket | undefined
  const cut = () => socket?.destroy()
  ended.addEventListener('abort', cut, { once: true })
  try {
    socket = await connectTo(host, port, ended)
    const transport = createTransport({
      host,
      port,
      connection: socket,
      secure: tls === 'implicit',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'none',
      greetingTimeout: timeout,
      socketTimeout: timeout,
      tls: { servername: host, ...(ca === undefined ? {} : { ca }) },
      ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
      disableFileAccess: true,
      disableUrlAccess: true,
    })
    const { rejected } = await transport.sendMail(mailOf(options, notification))
    return {
      kind: 'delivered',
      note:
        rejected.length === 0
          ? `${host} took it`
          : `${host} took it, but not for ${rejected.length} of ${options.to.length} addresses`,
    }
  } catch (thrown) {
    if (signal.aborted) return { kind: 'failed', error: 'interrupted', definite: false }
    if (deadline.aborted)
      return { kind: 'failed', error: `${host} did not answer within ${timeout} ms`, definite: false }
    return failureOf(thrown, host)
  } finally {
    ended.removeEventListener('abort', cut)
    socket?.destroy()
  }
}

async function connectTo(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = createConnection({ host, port })
  try {
    await once(socket, 'connect', { signal })
    return socket
  } catch (thrown) {
    socket.destroy()
    throw thrown
  }
}

/** What an SMTP error says without the server's own words. A code of the server is a clear no; a cut is not. */
function failureOf(thrown: unknown, host: string): Delivery {
  const { code, command, responseCode, errors } = thrown as {
    code?: string
    command?: string
    responseCode?: number
    errors?: readonly { code?: string }[]
  }
  if (code === 'ETLS') return { kind: 'failed', error: `${host} offers no encryption`, definite: true }
  if (typeof responseCode === 'number' && responseCode >= 400)
    return {
      kind: 'failed',
      error: `${host} answered ${responseCode} to ${words(command) ?? 'us'}`,
      definite: true,
    }
  const why = words(code) ?? words(errors?.[0]?.code) ?? 'failed'
  const early = new Set(['EAUTH', 'ECONFIG', 'ENOAUTH'])
  return {
    kind: 'failed',
    error: `${host} cannot be reached: ${why}`,
    definite: isUnconnected(why) || early.has(why),
  }
}

/** `RCPT TO`, `ECONNREFUSED`: nothing that could hold more than a word of the protocol. */
function words(text: string | undefined): string | undefined {
  return text !== undefined && /^[A-Z][A-Z_ ]{1,30}$/.test(text) ? text : undefined
}

/** One mail about one event. */
export function mailOf({ from, to }: Pick<EmailOptions, 'from' | 'to'>, notification: Notification) {
  const { payload, idempotencyKey, event } = notification
  const { alert } = payload
  const head = headOf(payload)
  const domain = /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1] ?? 'holdfast.invalid'
  const first = `<${alert.id}.opened@${domain}>`
  const explained = explainedOf(payload)
  const details = detailsOf(payload)
  const lines = [
    alert.summary,
    '',
    ...details.map(([name, value]) => `${name}: ${value}`),
    ...(explained.length === 0 ? [] : ['', 'Explains:', ...explained.map(line => `- ${line}`)]),
    '',
    `Alert ${alert.id} (${alert.dedup_key})`,
  ]
  return {
    from,
    to: [...to],
    subject: short(`[Holdfast] ${head}: ${oneLine(alert.summary)}`, 200),
    messageId: `<${idempotencyKey}@${domain}>`,
    ...(event === 'opened' || event === 'notice' ? {} : { inReplyTo: first, references: [first] }),
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Holdfast-Event': event,
      'X-Holdfast-Alert': alert.id,
      ...(alert.severity === 'critical' && event !== 'resolved' ? { Importance: 'high' } : {}),
    },
    text: `${lines.join('\n')}\n`,
    html: [
      `<p><strong>${html(head)}</strong>: ${html(alert.summary)}</p>`,
      `<table>${details.map(([name, value]) => `<tr><th align="left">${html(name)}</th><td>${html(value)}</td></tr>`).join('')}</table>`,
      ...(explained.length === 0
        ? []
        : [`<p>Explains:</p><ul>${explained.map(line => `<li>${html(line)}</li>`).join('')}</ul>`]),
      `<p><small>Alert ${html(alert.id)} (${html(alert.dedup_key)})</small></p>`,
    ].join('\n'),
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}

function html(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
