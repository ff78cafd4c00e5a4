import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { keptBytes } from './objects.ts'

/** A request's body as far as it is wanted. */
export interface Body {
  /** Payload bytes, without the framing of `aws-chunked`. */
  readonly size: number
  /** The payload, unless it was larger than what is kept. */
  readonly bytes?: Buffer
  /** MD5 of the payload when it was kept, else a tag of its own: hashing what is dropped would slow the sink. */
  readonly etag: string
  readonly checksums: Readonly<Record<string, string>>
}

let tags = 0

/** Takes a body in: kept when it is small and `keep` says so, else counted and dropped. Undefined when it broke off. */
export async function readBody(request: IncomingMessage, keep: boolean): Promise<Body | undefined> {
  const framed = /aws-chunked/.test(String(request.headers['content-encoding'] ?? ''))
  const announced = Number(
    request.headers['x-amz-decoded-content-length'] ?? request.headers['content-length'],
  )
  const kept = keep && announced <= keptBytes
  const chunks: Buffer[] = []
  let received = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      received += chunk.length
      if (kept) chunks.push(chunk)
    }
  } catch {
    return undefined
  }
  const checksums = Object.fromEntries(
    Object.entries({ ...request.headers, ...request.trailers }).flatMap(([name, value]) =>
      /^x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)$/.test(name) && typeof value === 'string'
        ? [[name, value]]
        : [],
    ),
  )
  const size = framed ? announced : received
  if (!kept) return { size, etag: `${(++tags).toString(16).padStart(32, '0')}`, checksums }
  const whole = Buffer.concat(chunks)
  const bytes = framed ? unframed(whole) : whole
  return { size: bytes.length, bytes, etag: createHash('md5').update(bytes).digest('hex'), checksums }
}

/** Undoes `aws-chunked`: `<hex length>[;chunk-signature=…]\r\n<bytes>\r\n`, ended by a chunk of length 0. */
function unframed(framed: Buffer): Buffer {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const end = framed.indexOf('\r\n', at)
    const length = Number.parseInt(framed.toString('latin1', at, end), 16)
    if (end < 0 || !(length > 0)) return Buffer.concat(chunks)
    chunks.push(framed.subarray(end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
}
