import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { appendFile, chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer, Server as TlsServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { genesis, seal } from '../../../coordinator/audit/index.ts'
import { fileSink } from '../../../coordinator/audit/ship/file-sink.ts'
import { syslogMessage } from '../../../coordinator/audit/ship/syslog-message.ts'
import { syslogSink } from '../../../coordinator/audit/ship/syslog-sink.ts'
import type { AuditEntry, AuditRecord } from '../../../coordinator/store/records.ts'
import { temporaryFolder } from '../../harness/index.ts'
import { testPki } from '../../harness/pki.ts'

const origin = { facility: 'authpriv', hostname: 'backup1', pid: 42 } as const
const never = new AbortController().signal
let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder('ship')
})
afterAll(() => folder.remove())

/** A piece of a chain. */
function chain(count: number, over: Partial<AuditEntry> = {}): readonly AuditRecord[] {
  const rows: AuditRecord[] = []
  for (let i = 0; i < count; i++)
    rows.push(
      seal(
        {
          at: 1_800_000_000_000 + i,
          class: 'history',
          actor: 'operator:alice',
          action: 'job.start',
          subject: `job_${i}`,
          reason: 'CHG-1 "why" \\ ] ü',
          detail: { n: i },
          ...over,
        },
        rows.at(-1) ?? genesis,
      ),
    )
  return rows
}

const seqsOf = (text: string) =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => (JSON.parse(line) as { seq: number }).seq)

describe('a message of RFC 5424', () => {
  const [row] = chain(1, { actor: 'operator:"a]\\b', subject: 'line\nbreak' }) as [AuditRecord]

  test('has priority, time, host, program and action in its header, what is searched for as escaped structured data', () => {
    const text = syslogMessage(row, origin).toString()
    expect(text).toMatch(
      /^<85>1 2027-01-15T08:00:00\.000Z backup1 holdfast 42 job\.start \[holdfast@32473 seq="1" /,
    )
    expect(text).toContain('actor="operator:\\"a\\]\\\\b"')
    expect(JSON.parse(text.slice(text.indexOf('] {') + 2))).toMatchObject({ seq: 1, subject: 'line\nbreak' })
  })

  test('a refusal warns; facility and severity make the priority', () => {
    const [refused] = chain(1, { class: 'security' }) as [AuditRecord]
    expect(syslogMessage(refused, { ...origin, facility: 'local7' }).toString()).toMatch(/^<188>1 /)
  })

  test('a name that does not go into a header is made to', () => {
    const [odd] = chain(1, { action: `ä ${'x'.repeat(60)}` }) as [AuditRecord]
    const fields = syslogMessage(odd, { ...origin, hostname: '' })
      .toString()
      .split(' ')
    expect(fields[2]).toBe('-')
    expect(fields[5]).toBe(`??${'x'.repeat(30)}`)
  })

  test('one that is too large is cut, says so, and is still valid UTF-8 that names its event', () => {
    const [large] = chain(1, { reason: 'ü'.repeat(5_000) }) as [AuditRecord]
    const message = syslogMessage(large, origin, 2_048)
    expect(message.byteLength).toBeLessThanOrEqual(2_048)
    const text = new TextDecoder('utf-8', { fatal: true }).decode(message)
    expect(text).toContain('seq="1"')
    expect(text).toContain('truncated="yes"')
  })
})

describe('a file of JSON lines', () => {
  const at = (name: string) => join(folder.path, name)

  test('is made 0600 and has the lines of an export', async () => {
    const rows = chain(3)
    await fileSink(at('new.jsonl')).send(rows, never)
    expect((await stat(at('new.jsonl'))).mode & 0o777).toBe(0o600)
    const [first] = (await readFile(at('new.jsonl'), 'utf8')).split('\n')
    expect(JSON.parse(first ?? '')).toMatchObject({
      ...{ seq: 1, actor: 'operator:alice', event_class: 'history', detail: { n: 0 } },
      ...{ prev_hash: genesis.hash, hash: rows[0]?.hash },
    })
  })

  test('that was moved away is followed by a new one', async () => {
    const rows = chain(4)
    const sink = fileSink(at('rotated.jsonl'))
    await sink.send(rows.slice(0, 2), never)
    await rename(at('rotated.jsonl'), at('rotated.jsonl.1'))
    await sink.send(rows.slice(2), never)
    expect(seqsOf(await readFile(at('rotated.jsonl.1'), 'utf8'))).toEqual([1, 2])
    expect(seqsOf(await readFile(at('rotated.jsonl'), 'utf8'))).toEqual([3, 4])
  })

  test('a line that a killed process left unfinished is taken out, its event comes whole', async () => {
    const rows = chain(3)
    const sink = fileSink(at('torn.jsonl'))
    await sink.send(rows.slice(0, 2), never)
    await appendFile(at('torn.jsonl'), `{"seq":3,"reason":"${'x'.repeat(70_000)}`)
    await sink.send(rows.slice(2), never)
    expect(seqsOf(await readFile(at('torn.jsonl'), 'utf8'))).toEqual([1, 2, 3])
  })

  test('a full disk is an error, and leaves no half line behind', async () => {
    await expect(fileSink('/dev/full').send(chain(1), never)).rejects.toMatchObject({ code: 'ENOSPC' })
  })

  test('a folder that is missing is an error, until it is there', async () => {
    const sink = fileSink(at('later/audit.jsonl'))
    await expect(sink.send(chain(1), never)).rejects.toMatchObject({ code: 'ENOENT' })
    await mkdir(at('later'))
    await sink.send(chain(1), never)
    expect(seqsOf(await readFile(at('later/audit.jsonl'), 'utf8'))).toEqual([1])
  })

  test('a file that somebody gave wider rights keeps them', async () => {
    await writeFile(at('wide.jsonl'), '')
    await chmod(at('wide.jsonl'), 0o640)
    await fileSink(at('wide.jsonl')).send(chain(1), never)
    expect((await stat(at('wide.jsonl'))).mode & 0o777).toBe(0o640)
  })
})

/** Takes octet-counted messages apart as RFC 6587 says. */
function frames(bytes: Buffer): readonly string[] {
  const found: string[] = []
  let rest = bytes
  while (rest.byteLength > 0) {
    const space = rest.indexOf(' ')
    const length = Number(rest.subarray(0, space).toString())
    expect(length).toBeGreaterThan(0)
    found.push(rest.subarray(space + 1, space + 1 + length).toString())
    rest = rest.subarray(space + 1 + length)
  }
  return found
}

/** A receiver that reads all that comes, each connection apart. */
async function receiver(server: Server, where: { port: number } | { path: string }) {
  const connections: Buffer[] = []
  const take = (socket: Socket) => {
    const chunks: Buffer[] = []
    socket.on('error', () => undefined)
    socket.on('data', chunk => chunks.push(chunk))
    socket.on('end', () => connections.push(Buffer.concat(chunks)))
  }
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', take)
  server.listen({ host: '127.0.0.1', ...where })
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    messages: () => connections.flatMap(frames),
    [Symbol.asyncDispose]: async () => {
      server.close()
      await once(server, 'close')
    },
  }
}

const seqs = (messages: readonly string[]) => messages.map(each => Number(/seq="(\d+)"/.exec(each)?.[1]))

describe('syslog', () => {
  test('over TCP: octet counting, in order, taken once the receiver closes', async () => {
    await using at = await receiver(createServer(), { port: 0 })
    const sink = syslogSink({ url: `tcp://127.0.0.1:${at.port}`, origin })
    await sink.send(chain(400), never)
    expect(seqs(at.messages())).toEqual(chain(400).map(each => each.seq))
  })

  test('over TCP: a receiver that is not there, and one that breaks off, is an error', async () => {
    const server = createServer(socket => socket.resetAndDestroy())
    const at = await receiver(server, { port: 0 })
    const sink = syslogSink({ url: `tcp://127.0.0.1:${at.port}`, origin })
    await expect(sink.send(chain(400), never)).rejects.toThrow()
    await at[Symbol.asyncDispose]()
    await expect(sink.send(chain(1), never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('over a socket file of streams', async () => {
    const path = join(folder.path, 'stream.sock')
    await using at = await receiver(createServer(), { path })
    await syslogSink({ url: `unix://${path}`, origin }).send(chain(3), never)
    expect(seqs(at.messages())).toEqual([1, 2, 3])
  })

  test('over UDP: one message a datagram', async () => {
    const socket = createSocket('udp4')
    const got: string[] = []
    socket.on('message', message => got.push(message.toString()))
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const sink = syslogSink({ url: `udp://127.0.0.1:${socket.address().port}`, origin })
    await sink.send(chain(3), never)
    while (got.length < 3) await once(socket, 'message')
    expect(seqs(got)).toEqual([1, 2, 3])
    socket.close()
  })

  test('over TLS: to a receiver whose certificate verifies, and to no other; with a certificate of ours', async () => {
    const pki = await testPki(join(folder.path, 'receiver'))
    const other = await testPki(join(folder.path, 'other'))
    const shown = await pki.client({ kind: 'operator', name: 'coordinator' })
    const server = createTlsServer({
      ca: await readFile(pki.caFile),
      cert: await readFile(pki.tls['certificate_file'] ?? ''),
      key: await readFile(pki.tls['key_file'] ?? ''),
      requestCert: true,
      rejectUnauthorized: true,
    })
    await using at = await receiver(server, { port: 0 })
    const url = `tls://localhost:${at.port}`
    const { certificateFile, keyFile } = shown
    await syslogSink({ url, origin, caFile: pki.caFile, certificateFile, keyFile }).send(chain(3), never)
    expect(seqs(at.messages())).toEqual([1, 2, 3])
    const wrong = syslogSink({ url, origin, caFile: other.caFile, certificateFile, keyFile })
    await expect(wrong.send(chain(1), never)).rejects.toThrow()
    await expect(syslogSink({ url, origin, caFile: pki.caFile }).send(chain(1), never)).rejects.toThrow()
    // for localhost and 127.0.0.1
    const named = syslogSink({
      url: `tls://127.0.0.2:${at.port}`,
      origin,
      caFile: pki.caFile,
      certificateFile,
      keyFile,
    })
    await expect(named.send(chain(1), never)).rejects.toThrow()
    expect(at.messages()).toHaveLength(3)
  })
})
