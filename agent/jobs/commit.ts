import { createHash } from 'node:crypto'
import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { manifestSchema } from '../../shared/model/manifest.ts'
import { type ObjectStore, objectKey } from '../../shared/object-store/port.ts'
import { crashPoint } from './crash-point.ts'
import type { Journal } from './journal.ts'
import type { CommittingRecord, CompletingRecord } from './journal-record.ts'
import { patiently } from './patience.ts'
import type { ManifestSigner } from './surroundings.ts'

/**
 * The commit protocol after the dump (architecture §4 step 5): the same functions serve a running attempt
 * and a restarted agent, so that rolling forward is no second program.
 */
export interface CommitContext {
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Log
  readonly signer?: ManifestSigner
  readonly onCompleted?: (key: string, uploadId: string) => void
}

/** A finished dump waits this long for a store that does not answer. */
const patienceMs = 3_600_000

/**
 * Completes every upload of one destination, all of them, together, last. Completing twice is harmless: when an
 * upload is gone the stored object's size decides (the store's contract).
 *
 * @param signal a cancel is obeyed until this returns
 * @throws AppError `object-store.upload-gone` when an object cannot be finished any more
 */
export async function completeUploads(
  uploads: CompletingRecord['uploads'],
  store: ObjectStore,
  context: CommitContext,
  signal: AbortSignal,
): Promise<void> {
  for (const upload of uploads) {
    signal.throwIfAborted()
    const open = { key: objectKey(upload.key), uploadId: upload.upload_id }
    await patiently(() => store.completeUpload(open, upload.parts, signal), {
      clock: context.clock,
      signal,
      giveUpAfter: patienceMs,
      onRetry: error => context.log.warn('completing an upload is tried again', { key: upload.key, error }),
    })
    crashPoint('after-complete')
    context.onCompleted?.(upload.key, upload.upload_id)
  }
}

/**
 * Everything is completed wherever it is to be: writes the `committing` record, with the very bytes that every
 * destination gets as its manifest.
 *
 * @param copies with several destinations: those given up meanwhile are in it
 */
export async function beginCommitting(
  record: CompletingRecord,
  copies: CompletingRecord['copies'],
  context: CommitContext,
): Promise<CommittingRecord> {
  const { phase: _, uploads, draft, ...head } = record
  const manifest = manifestBytes({ ...draft, committed_at: context.clock.now().wall }, context.signer)
  const committing: CommittingRecord = {
    ...head,
    ...(copies === undefined ? {} : { copies }),
    phase: 'committing',
    manifest: manifest.toString('base64'),
    sha256: createHash('sha256').update(manifest).digest('hex'),
    objects: [...new Set(uploads.map(({ key }) => key))],
    raw_bytes: Number(draft.raw_bytes),
    stored_bytes: Number(draft.stored_bytes),
  }
  crashPoint('before-committing')
  await context.journal.write(committing)
  crashPoint('after-committing')
  return committing
}

/**
 * Stores the manifest and reads it back (J5); resolves with the bytes that were read. Goes on for as long as
 * it cannot be told whether the manifest is there: only an agent that leaves may stop here, and its restart
 * puts the same bytes again.
 *
 * @throws AppError only when the manifest is certainly not ours to be had: denied, or other bytes lie there
 */
export async function storeManifest(
  record: CommittingRecord,
  store: ObjectStore,
  context: CommitContext,
  leaving: AbortSignal,
): Promise<Buffer> {
  const key = objectKey(record.manifest_key)
  const bytes = Buffer.from(record.manifest, 'base64')
  return patiently(
    async () => {
      await store.put(key, bytes, { ifAbsent: true, contentType: 'application/json', signal: leaving })
      crashPoint('after-manifest-put')
      const stored = await readWhole(store, record.manifest_key, leaving)
      if (!stored.equals(bytes))
        throw new AppError('object-store.corrupt', {
          message: 'the manifest read back differs from what was stored',
          context: { key, stored_bytes: stored.length, sent_bytes: bytes.length },
        })
      return stored
    },
    {
      clock: context.clock,
      signal: leaving,
      onRetry: error => context.log.warn('storing the manifest is tried again', { key, error }),
    },
  )
}

/** Reads a small object whole. */
export async function readWhole(
  store: Pick<ObjectStore, 'read'>,
  key: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.read(objectKey(key), { signal })) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Manifests are for people too, until they are so large that nobody reads them. */
const readableUpTo = 1 << 20

/** The bytes of a manifest, signed where there is a signer; everything that is stored has passed the schema. */
export function manifestBytes(manifest: unknown, signer?: ManifestSigner): Buffer {
  const parsed = manifestSchema.parse(manifest)
  const checked = signer === undefined ? parsed : { ...parsed, signatures: [signer(parsed)] }
  const compact = JSON.stringify(checked)
  return Buffer.from(`${compact.length > readableUpTo ? compact : JSON.stringify(checked, null, 2)}\n`)
}
