import { createHash } from 'node:crypto'
import { PutObjectRetentionCommand } from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import type { ObjectKey, Retention } from '../port.ts'
import type { S3Requests } from './requests.ts'
import { checksumInput, lockModeInput } from './wording.ts'

/** Codes with which stores say that a bucket was not made for Object Lock. */
const noLock =
  /^(InvalidRequest|ObjectLockConfigurationNotFoundError|InvalidBucketState|NotImplemented|MethodNotAllowed)$/

/** Locks one object. A lock that is longer already is left as it is: shortening is what it forbids. */
export async function retainObject(
  requests: S3Requests,
  key: ObjectKey,
  retention: Retention,
  signal: AbortSignal | undefined,
): Promise<void> {
  const command = new PutObjectRetentionCommand({
    ...requests.place(key),
    ...checksumInput(requests.checksum, undefined),
    Retention: { Mode: lockModeInput(retention.mode), RetainUntilDate: new Date(retention.until) },
  })
  // The SDK puts a checksum on this body in any case; a store that refuses such headers gets the older one.
  if (requests.checksum === 'none')
    command.middlewareStack.add(
      next => args => {
        const { request } = args as {
          request?: { headers?: Record<string, string>; body?: string | Uint8Array }
        }
        if (request?.headers !== undefined) {
          for (const name of Object.keys(request.headers))
            if (/^x-amz-(checksum-|sdk-checksum)/i.test(name)) delete request.headers[name]
          request.headers['content-md5'] = createHash('md5')
            .update(request.body ?? '')
            .digest('base64')
        }
        return next(args)
      },
      { step: 'build', priority: 'low', name: 'holdfastContentMd5', override: true },
    )
  try {
    await requests.send('retain', key, signal, {}, abort => requests.client.send(command, abort))
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (!noLock.test(String(error.context['s3_code'] ?? ''))) throw error
    throw new AppError('object-store.unsupported', {
      message: 'the bucket has no Object Lock',
      hint: 'Make a bucket with Object Lock for this destination, or take `object_lock` out of its settings.',
      context: { ...error.context },
      cause: thrown,
    })
  }
}
