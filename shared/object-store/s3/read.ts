import type { Readable } from 'node:stream'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import type { ObjectKey } from '../port.ts'
import { throwIfAborted } from '../retry.ts'
import { bodyChunks } from './body.ts'
import { judge } from './judge.ts'
import type { S3Requests } from './requests.ts'

/**
 * Reads an object or a range of it. A body that breaks off is read on from there, as long as it is still the
 * same object.
 */
export async function* readObject(
  requests: S3Requests,
  key: ObjectKey,
  options: { readonly start?: number; readonly end?: number; readonly signal?: AbortSignal } = {},
): AsyncIterable<Uint8Array> {
  const { signal } = options
  let position = options.start ?? 0
  let end = options.end
  let etag: string | undefined
  let failures = 0
  while (end === undefined || position < end) {
    const from = position
    const range = end !== undefined ? `bytes=${from}-${end - 1}` : from > 0 ? `bytes=${from}-` : undefined
    const reply = await requests.send('read', key, signal, {}, abort =>
      requests.client.send(
        new GetObjectCommand({
          ...requests.place(key),
          ...(range === undefined ? {} : { Range: range }),
          ...(etag === undefined ? {} : { IfMatch: etag }),
        }),
        abort,
      ),
    )
    etag ??= reply.ETag
    const promised = reply.ContentLength ?? 0
    end ??= from + promised
    if (from + promised < end) throw shortBody(requests, key, from + promised, end)
    try {
      for await (const chunk of bodyChunks(reply.Body as Readable, requests.idleMs, signal)) {
        if (position + chunk.length > end) throw shortBody(requests, key, position + chunk.length, end)
        position += chunk.length
        failures = 0
        yield chunk
      }
      if (position < end)
        throw new AppError('object-store.unreachable', { context: { key, detail: 'short body' } })
    } catch (thrown) {
      throwIfAborted(signal)
      const { error, retryable } = judge(thrown, requests.about('read', key))
      if (!retryable || ++failures >= requests.retry.attempts) throw error
      requests.log.debug('a body broke off, reading on', { key, position, error })
    }
    if (end === 0) return
  }
}

function shortBody(requests: S3Requests, key: ObjectKey, has: number, wanted: number): AppError {
  return new AppError('object-store.corrupt', {
    message: 'the object has another length than what was asked of it',
    context: { bucket: requests.bucket, key, stored_bytes: has, wanted_bytes: wanted },
  })
}
