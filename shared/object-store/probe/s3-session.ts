import { createHash } from 'node:crypto'
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import type { ChecksumMode } from '../../model/destination.ts'
import type { ObjectKey } from '../port.ts'
import type { S3Requests } from '../s3/requests.ts'
import { checksumInput } from '../s3/wording.ts'

/** Hex SHA-256. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Puts by hand what the store adapter would not: wrong hashes, other checksums. Undefined: stored; else the refusal. */
export async function tryPut(
  requests: S3Requests,
  key: ObjectKey,
  bytes: Uint8Array,
  options: {
    readonly signal: AbortSignal
    readonly bodyHash?: string
    readonly mode?: ChecksumMode
    readonly checksum?: string
    readonly ifAbsent?: boolean
  },
): Promise<AppError | undefined> {
  const command = new PutObjectCommand({
    ...requests.place(key),
    ...checksumInput(options.mode ?? 'none', options.checksum),
    Body: bytes,
    ContentLength: bytes.length,
    ...(options.ifAbsent === true ? { IfNoneMatch: '*' } : {}),
  })
  return refusalOf(
    () =>
      requests.send('put', key, options.signal, { policy: once }, abort =>
        requests.hashed(command, options.bodyHash ?? sha256(bytes), abort),
      ),
    options.signal,
  )
}

/** A refusal is what is looked for; asking again would only make it slower. */
export const once = { attempts: 1, baseMs: 1, capMs: 1 } as const

/** The error of something that may well fail; passing troubles are thrown, they are no answer. */
export async function refusalOf(
  work: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<AppError | undefined> {
  try {
    await work()
    return undefined
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (
      signal.aborted ||
      error.code === 'object-store.unreachable' ||
      error.code === 'object-store.throttled'
    )
      throw error
    return error
  }
}

/** What replies tell besides their bodies. */
export interface Overheard {
  clockOffsetMs?: number
  server?: string
}

/** Listens to the headers of every reply: the clock of the store, and who it says it is. */
export function overhear(client: S3Client): Overheard {
  const heard: Overheard = {}
  client.middlewareStack.add(
    next => async args => {
      const sentAt = Date.now()
      const result = await next(args)
      const { headers } = (result.response ?? {}) as { headers?: Record<string, string> }
      const told = Date.parse(headers?.['date'] ?? '')
      // a Date has no fractions: half a second is the fairest guess
      if (Number.isFinite(told)) heard.clockOffsetMs ??= Math.round(told + 500 - (sentAt + Date.now()) / 2)
      if (headers?.['server'] !== undefined) heard.server ??= headers['server']
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'holdfastOverhear', override: true },
  )
  return heard
}
