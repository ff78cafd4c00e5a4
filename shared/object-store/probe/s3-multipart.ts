import { randomBytes } from 'node:crypto'
import { UploadPartCommand } from '@aws-sdk/client-s3'
import { checksumOf } from '../checksum.ts'
import type { OpenUpload } from '../port.ts'
import { checksumInput } from '../s3/wording.ts'
import { type Conclusion, told } from './notebook.ts'
import type { Probing } from './probing.ts'
import { once, refusalOf, sha256 } from './s3-session.ts'

/** Multipart uploads, as backups make them: two parts, compared; and one that is aborted. */
export async function probeMultipart(probing: Probing): Promise<void> {
  const { store, book, key, signal } = probing
  let open: OpenUpload | undefined
  await book.check('multipart', async () => {
    const upload = await store.createUpload(key('multipart'), signal)
    open = upload
    const parts = []
    for (const [index, size] of [store.capabilities.minPartSize, 1_000].entries()) {
      const bytes = randomBytes(size)
      parts.push(await store.uploadPart(upload, index + 1, bytes, sha256(bytes), signal))
    }
    const verified = await store.completeUpload(upload, parts, signal)
    open = undefined
    return [
      'yes',
      'ok',
      verified === 'checksum'
        ? 'two parts became an object of their size, and its checksum is the one they make'
        : 'two parts became an object of their size; the server tells no checksum over it to compare',
    ]
  })
  if (open !== undefined) await abandon(probing, open)
  await probeAborted(probing)
}

async function probeAborted(probing: Probing): Promise<void> {
  const { store, book, key, signal } = probing
  let upload: OpenUpload
  try {
    upload = await store.createUpload(key('aborted'), signal)
  } catch {
    return // told already: no multipart at all
  }
  try {
    await book.check('multipart-checksum', () => wrongPart(probing, upload), 'note')
    await book.check('part-numbers', () => partNumbers(probing, upload), 'note')
    await book.check('list-uploads', () => listUploads(probing, upload))
  } finally {
    await book.check('abort', async () => {
      await store.abortUpload(upload, AbortSignal.timeout(30_000))
      for await (const left of store.listUploads(upload.key, signal))
        if (left.uploadId === upload.uploadId)
          return ['ignored', 'problem', 'an aborted upload is listed still: its parts cost money']
      return ['yes', 'ok', 'an aborted upload is gone']
    })
  }
}

async function wrongPart({ requests, signal }: Probing, upload: OpenUpload): Promise<Conclusion | undefined> {
  const mode = requests.checksum
  if (mode === 'none') return undefined
  const bytes = randomBytes(1_000)
  const other = Buffer.from('other bytes')
  const command = new UploadPartCommand({
    ...requests.place(upload.key),
    ...checksumInput(mode, checksumOf(mode, other, sha256(other))),
    ...{ UploadId: upload.uploadId, PartNumber: 1, Body: bytes, ContentLength: bytes.length },
  })
  const refused = await refusalOf(
    () =>
      requests.send('upload-part', upload.key, signal, { policy: once }, abort =>
        requests.hashed(command, sha256(bytes), abort),
      ),
    signal,
  )
  return refused === undefined
    ? ['ignored', 'warning', `a part with a wrong ${mode} was stored: not verified by the server`]
    : ['yes', 'ok', `a part with a wrong ${mode} is refused`]
}

/** Asks with one byte under the last number: an object may have as many parts as its numbers go. */
async function partNumbers({ store, signal }: Probing, upload: OpenUpload): Promise<Conclusion> {
  const claimed = store.capabilities.maxParts
  const bytes = Buffer.from('x')
  const taken = (number: number) =>
    refusalOf(() => store.uploadPart(upload, number, bytes, sha256(bytes), signal), signal)
  const refused = await taken(claimed)
  if (refused !== undefined) return ['no', 'problem', `part number ${claimed} is refused: ${told(refused)}`]
  if (claimed >= 10_000) return ['yes', 'ok', `part number ${claimed} is taken`]
  return (await taken(10_000)) === undefined
    ? ['yes', 'ok', `part number ${claimed} is taken, and 10000 as well`]
    : ['yes', 'ok', `part number ${claimed} is taken, 10000 is not`]
}

async function listUploads({ store, prefix, signal }: Probing, upload: OpenUpload): Promise<Conclusion> {
  const seen = async (under: string) => {
    for await (const { uploadId } of store.listUploads(under, signal))
      if (uploadId === upload.uploadId) return true
    return false
  }
  if (await seen(prefix)) return ['yes', 'ok', 'open uploads are listed by prefix']
  return (await seen(upload.key))
    ? [
        'no',
        'warning',
        'open uploads are listed by their exact key only: what a lost host left must be found by the server’s own rules',
      ]
    : ['no', 'problem', 'an open upload is not listed: what a lost host left can never be found']
}

/** The finding of this upload says what went wrong; what cannot be aborted now the lifecycle rule has. */
async function abandon({ store }: Probing, upload: OpenUpload): Promise<void> {
  await store.abortUpload(upload, AbortSignal.timeout(30_000)).catch(() => undefined)
}
