import { DeleteObjectCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import { formatDuration } from '../../time/index.ts'
import type { ObjectKey } from '../port.ts'
import { objectKey } from '../port.ts'
import { S3Requests, type S3StoreOptions } from '../s3/requests.ts'
import { S3Store } from '../s3/s3.ts'
import type { DestinationProbe } from './finding.ts'
import { Notebook, told } from './notebook.ts'
import type { Probing } from './probing.ts'
import { probeBodies } from './s3-bodies.ts'
import { probeBucket } from './s3-bucket.ts'
import { probeMultipart } from './s3-multipart.ts'
import { once, overhear, refusalOf } from './s3-session.ts'
import { probeSettings } from './s3-settings.ts'

export interface ProbeOptions {
  /** Names the probe's own prefix, `v1/doctor/<id>/`. */
  readonly id: string
  readonly signal: AbortSignal
  readonly longestDumpMs: number
  readonly keeper: boolean
}

/** Signatures hold 15 minutes on AWS; a third of it is worth a warning. */
const clockWarning = 300_000
const clockNote = 3_000

/** Tries an S3 destination; what it puts there it takes away again, as far as it may. */
export async function probeS3(
  store: S3StoreOptions,
  options: ProbeOptions,
): Promise<Pick<DestinationProbe, 'findings' | 'left' | 'clockOffsetMs'> & { readonly server?: string }> {
  const requests = new S3Requests(store)
  const heard = overhear(store.client)
  const book = new Notebook(options.signal)
  const prefix = `v1/doctor/${options.id}/`
  const keys = new Set<ObjectKey>()
  const probing: Probing = {
    ...{ store: new S3Store(store), requests, book, prefix },
    ...{ signal: options.signal, longestDumpMs: options.longestDumpMs, keeper: options.keeper },
    key: name => {
      const key = objectKey(prefix + name)
      keys.add(key)
      return key
    },
  }
  let left: readonly string[] = []
  try {
    const lists = await book.check('list', async () => {
      await probing.store.check(options.signal)
      return ['yes', 'ok', 'the bucket answers, and may be listed']
    })
    if (heard.clockOffsetMs !== undefined) book.findings.push(clock(heard.clockOffsetMs))
    // a bucket that cannot be listed can be written to all the same; one that is not there cannot
    if (lists === 'yes' || lists === 'denied') {
      await probeBodies(probing)
      await probeMultipart(probing)
      await probeSettings(probing)
      await probeBucket(probing)
    }
  } finally {
    left = keys.size === 0 ? [] : await cleanUp(probing, store.client, [...keys])
  }
  return {
    findings: book.findings,
    left,
    ...(heard.clockOffsetMs === undefined ? {} : { clockOffsetMs: heard.clockOffsetMs }),
    ...(heard.server === undefined ? {} : { server: heard.server }),
  }
}

function clock(offset: number): DestinationProbe['findings'][number] {
  const size = formatDuration(Math.abs(offset) - (Math.abs(offset) % 1_000))
  const detail =
    Math.abs(offset) < clockNote
      ? 'this host and the store agree to about a second'
      : `this host is ${size} ${offset > 0 ? 'behind' : 'ahead of'} the store${Math.abs(offset) >= clockWarning ? '; at 15 minutes it refuses every request' : ''}`
  return {
    check: 'clock',
    answer: Math.abs(offset) < clockNote ? 'yes' : 'no',
    level: Math.abs(offset) >= clockWarning ? 'warning' : Math.abs(offset) < clockNote ? 'ok' : 'note',
    detail,
  }
}

/** Deletes what the probe put; that is a check of its own. With a fresh signal: an interrupted probe cleans up too. */
async function cleanUp(
  probing: Probing,
  client: S3Client,
  keys: readonly ObjectKey[],
): Promise<readonly string[]> {
  const { requests, book, keeper } = probing
  const signal = AbortSignal.timeout(60_000)
  const left: string[] = []
  let refused: AppError | undefined
  for (const key of keys) {
    const error = await refusalOf(
      () =>
        requests.send('delete', key, signal, { policy: once, missingIsFine: true }, abort =>
          client.send(new DeleteObjectCommand(requests.place(key)), abort),
        ),
      signal,
    ).catch((thrown: unknown) => AppError.from(thrown))
    if (error === undefined) continue
    refused ??= error
    left.push(requests.base + key)
  }
  if (refused === undefined) {
    const versions = await deleteVersions(probing, client, signal)
    book.findings.push({
      check: 'delete',
      answer: 'yes',
      level: keeper ? 'ok' : 'note',
      detail: `these credentials may delete${keeper ? ', as a keeper must' : '; an agent need not: without it, nobody who takes over the host deletes backups'}${versions}`,
    })
    return []
  }
  const denied = refused.code === 'object-store.denied'
  book.findings.push({
    check: 'delete',
    answer: denied ? 'denied' : 'no',
    level: denied && !keeper ? 'ok' : 'problem',
    detail: denied
      ? keeper
        ? 'these credentials may not delete, and a keeper must'
        : 'these credentials may not delete: good for an agent; a keeper does it'
      : `an object could not be deleted: ${told(refused)}`,
  })
  return reallyLeft(probing, left, signal)
}

/** Not every key came to be: what was refused, or aborted, is not there. */
async function reallyLeft(
  { store, requests, prefix }: Probing,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const there: string[] = []
  try {
    for await (const { key } of store.list(prefix, signal)) there.push(requests.base + key)
    return there
  } catch {
    return keys // may not be listed: rather one too many
  }
}

/** In a bucket that keeps versions a delete hides only. Best effort: what stays is as small as it is harmless. */
async function deleteVersions(
  { requests, prefix, book }: Probing,
  client: S3Client,
  signal: AbortSignal,
): Promise<string> {
  if (book.findings.find(({ check }) => check === 'versioning')?.answer !== 'yes') return ''
  try {
    const found = await client.send(
      new ListObjectVersionsCommand({ ...requests.bucketPlace(), Prefix: requests.base + prefix }),
      { abortSignal: signal },
    )
    for (const { Key, VersionId } of [...(found.Versions ?? []), ...(found.DeleteMarkers ?? [])])
      if (Key !== undefined && VersionId !== undefined)
        await client.send(new DeleteObjectCommand({ ...requests.bucketPlace(), Key, VersionId }), {
          abortSignal: signal,
        })
    return ''
  } catch {
    return '; old versions of the probe’s objects stay'
  }
}
