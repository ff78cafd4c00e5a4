import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import type { CopySource, ObjectKey } from '../port.ts'
import type { S3Requests } from './requests.ts'
import { keepingInput } from './wording.ts'

/** Parts the service copies at once. */
const atOnce = 4
/** How long the abort of a failed copy may take, ms; never under the signal that ended it. */
const abortTimeoutMs = 30_000

/** How the service names an object of this store. */
export function copySourceOf({ endpoint, bucket, base }: S3Requests, key: ObjectKey): CopySource {
  return { service: (endpoint ?? 'aws').replace(/\/+$/, ''), bucket, key: base + key }
}

/** Copies an object inside the service, part by part (UploadPartCopy), and compares its size. */
export async function copyObject(
  requests: S3Requests,
  key: ObjectKey,
  from: CopySource,
  partSizes: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { client } = requests
  const opened = await requests.send('create-upload', key, signal, {}, abort =>
    client.send(
      new CreateMultipartUploadCommand({
        ...requests.place(key),
        ...keepingInput(requests.settings, 'data'),
        ContentType: 'application/octet-stream',
      }),
      abort,
    ),
  )
  const upload = { ...requests.place(key), UploadId: opened.UploadId ?? '' }
  try {
    const parts = await copyParts(requests, key, upload, from, partSizes, signal)
    await requests.send('complete-upload', key, signal, {}, abort =>
      client.send(
        new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }),
        abort,
      ),
    )
  } catch (thrown) {
    await requests
      .send('abort-upload', key, AbortSignal.timeout(abortTimeoutMs), { missingIsFine: true }, abort =>
        client.send(new AbortMultipartUploadCommand(upload), abort),
      )
      .catch((error: unknown) => requests.log.warn('a failed copy left an upload open', { key, error }))
    throw thrown
  }
  const stored = await requests.send('head', key, signal, {}, abort =>
    client.send(new HeadObjectCommand(requests.place(key)), abort),
  )
  const size = partSizes.reduce((sum, each) => sum + each, 0)
  if (stored.ContentLength !== size)
    throw new AppError('object-store.corrupt', {
      message: 'the copied object has another size than its source',
      context: { key, expected_bytes: size, stored_bytes: stored.ContentLength ?? 'unknown' },
    })
}

async function copyParts(
  requests: S3Requests,
  key: ObjectKey,
  upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string },
  from: CopySource,
  partSizes: readonly number[],
  signal: AbortSignal | undefined,
): Promise<CompletedPart[]> {
  const source = `${from.bucket}/${from.key.split('/').map(encodeURIComponent).join('/')}`
  const parts: CompletedPart[] = []
  let start = 0
  const ranges = partSizes.map((size, index) => {
    const range = { number: index + 1, first: start, last: start + size - 1 }
    start += size
    return range
  })
  let failed = false
  const worker = async (): Promise<void> => {
    for (let range = ranges.shift(); range !== undefined && !failed; range = ranges.shift()) {
      const { number, first, last } = range
      const reply = await requests.send('copy-part', key, signal, {}, abort =>
        requests.client.send(
          new UploadPartCopyCommand({
            ...upload,
            PartNumber: number,
            CopySource: source,
            CopySourceRange: `bytes=${first}-${last}`,
          }),
          abort,
        ),
      )
      const etag = reply.CopyPartResult?.ETag
      if (etag === undefined)
        throw new AppError('object-store.failed', {
          message: 'the object store copied a part and gave no receipt',
          context: { key, part: number },
        })
      parts.push({ PartNumber: number, ETag: etag })
    }
  }
  const workers = Array.from({ length: Math.min(atOnce, partSizes.length) }, () =>
    worker().catch((thrown: unknown) => {
      failed = true
      throw thrown
    }),
  )
  // all of them end before the upload is aborted
  const broken = (await Promise.allSettled(workers)).find(end => end.status === 'rejected')
  if (broken !== undefined) throw broken.reason
  return parts.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
}
