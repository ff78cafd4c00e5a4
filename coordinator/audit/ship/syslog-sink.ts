import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { readSecretFile } from '../../../shared/config/secret-file.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type { Duration } from '../../../shared/time/index.ts'
import type { AuditRecord } from '../../store/records.ts'
import { sendByLogger } from './logger-program.ts'
import type { AuditSink } from './sink.ts'
import { type SyslogOrigin, syslogMessage } from './syslog-message.ts'

/** What fits into one datagram of IPv4 and IPv6. */
const largestDatagram = 65_000
/** For the receiver to take all of it and close, ms. */
const patience: Duration = 10_000

/** Where messages go and what is shown there. */
export interface SyslogTarget {
  /** `udp://`, `tcp://`, `tls://host:port` or `unix:///path`. */
  readonly url: string
  readonly origin: SyslogOrigin
  readonly caFile?: string
  readonly certificateFile?: string
  readonly keyFile?: string
}

/**
 * Sends events to a syslog receiver. Syslog has no answer, so over a connection each batch has one of its own that is
 * closed behind it, and counts once the receiver, which then has read all, closes too. UDP promises nothing.
 */
export function syslogSink(target: SyslogTarget): AuditSink {
  const { url } = target
  const send = url.startsWith('udp:') ? byDatagrams : url.startsWith('unix:') ? bySocketFile : byConnection
  return { kind: 'syslog', to: url, send: (rows, signal) => send(target, rows, signal) }
}

async function byDatagrams(
  { url, origin }: SyslogTarget,
  rows: readonly AuditRecord[],
  signal: AbortSignal,
): Promise<void> {
  const { host, port } = addressOf(url)
  const socket = createSocket({ type: isIP(host) === 6 ? 'udp6' : 'udp4' })
  try {
    const failed = once(socket, 'error', { signal }).then(([error]) => {
      throw error
    })
    failed.catch(() => undefined)
    socket.connect(port, host)
    await Promise.race([once(socket, 'connect', { signal }), failed])
    for (const row of rows) {
      const sent = new Promise<void>((resolve, reject) =>
        socket.send(syslogMessage(row, origin, largestDatagram), error =>
          error === null ? resolve() : reject(error),
        ),
      )
      await Promise.race([sent, failed])
    }
  } finally {
    socket.close()
  }
}

/** A stream where the socket takes one; `/dev/log` takes datagrams, which Node cannot send. */
async function bySocketFile(
  target: SyslogTarget,
  rows: readonly AuditRecord[],
  signal: AbortSignal,
): Promise<void> {
  const path = new URL(target.url).pathname
  let socket: Socket
  try {
    socket = connect({ path })
    await once(socket, 'connect', { signal })
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EPROTOTYPE') throw thrown
    return sendByLogger(path, rows, target.origin.facility, signal)
  }
  await deliver(socket, rows, target.origin, signal)
}

async function byConnection(
  target: SyslogTarget,
  rows: readonly AuditRecord[],
  signal: AbortSignal,
): Promise<void> {
  const { host, port } = addressOf(target.url)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patience)])
  if (!target.url.startsWith('tls:')) {
    const socket = connect({ host, port })
    await opened(socket, 'connect', limit)
    return deliver(socket, rows, target.origin, signal)
  }
  const { caFile, certificateFile, keyFile } = target
  const socket = connectTls({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(caFile === undefined ? {} : { ca: await readFile(caFile) }),
    ...(certificateFile === undefined ? {} : { cert: await readFile(certificateFile) }),
    ...(keyFile === undefined ? {} : { key: await readSecretFile(keyFile) }),
    minVersion: 'TLSv1.2',
  })
  await opened(socket, 'secureConnect', limit)
  return deliver(socket, rows, target.origin, signal)
}

async function opened(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  try {
    await once(socket, event, { signal })
  } catch (thrown) {
    socket.destroy()
    if (signal.aborted) throw new AppError('audit.not-shipped', { context: { detail: 'no answer' } })
    throw thrown
  }
}

/** Octet counting (RFC 6587, RFC 5425), then the end of what we say; the receiver's own end confirms it. */
async function deliver(
  socket: Socket,
  rows: readonly AuditRecord[],
  origin: SyslogOrigin,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patience)])
  const over = new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.once('close', () => resolve())
    limit.addEventListener(
      'abort',
      () => reject(new AppError('audit.not-shipped', { context: { detail: 'it did not take it in time' } })),
      { once: true },
    )
  })
  over.catch(() => undefined)
  try {
    let closedEarly = true
    socket.resume()
    const messages = rows.map(row => {
      const message = syslogMessage(row, origin)
      return Buffer.concat([Buffer.from(`${message.byteLength} `), message])
    })
    socket.end(Buffer.concat(messages), () => {
      closedEarly = false
    })
    await over
    if (closedEarly)
      throw new AppError('audit.not-shipped', { context: { detail: 'it closed before it had read all' } })
  } finally {
    socket.destroy()
  }
}

function addressOf(url: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^\w+:\/\/\[?([^/\]]+)\]?:(\d+)$/.exec(url) ?? []
  return { host, port: Number(port) }
}
