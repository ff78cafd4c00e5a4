import { createHash } from 'node:crypto'
import { newId } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { type IdOf, idFrom, isId } from '../../shared/model/identifiers.ts'
import { type ObjectStore, objectKey } from '../../shared/object-store/port.ts'
import { completeUploads, readWhole, storeManifest } from './commit.ts'
import type { CommittingRecord, CompletingRecord, JournalHead } from './journal-record.ts'
import { patiently } from './patience.ts'
import { type AttemptResult, failureOf } from './result.ts'
import { rollBack } from './roll-back.ts'
import type { Surroundings } from './surroundings.ts'

/** What finishing an attempt uses, running or recovered. */
export interface FinishContext {
  readonly world: Pick<Surroundings, 'journal' | 'clock' | 'log' | 'openStore'>
  /** A cancel; obeyed until `committing` stands in the journal. */
  readonly signal: AbortSignal
  /** The process ends: leave everything to the restart. */
  readonly leaving: AbortSignal
  readonly counted: { readonly rawBytes: number; readonly storedBytes: number; readonly peakRssBytes: number }
  readonly onCommitting?: () => void
  readonly onUpload?: (key: string, uploadId: string, how: 'completed' | 'aborted') => void
}

/** Goes forward from `completing`: to a success, or to a failure that says what is left in the bucket. */
export async function finishCompleting(
  record: CompletingRecord,
  context: FinishContext,
): Promise<AttemptResult> {
  let committing: CommittingRecord
  try {
    const store = await context.world.openStore(record.destination)
    try {
      committing = await completeUploads(record, store, commitContext(context), context.signal)
    } finally {
      await store.close()
    }
  } catch (thrown) {
    if (context.leaving.aborted) throw AppError.from(thrown)
    return finishFailed(
      record,
      AppError.from(thrown),
      context,
      record.uploads.map(({ key }) => key),
    )
  }
  return finishCommitting(committing, context)
}

/** Goes forward from `committing`: puts the same bytes, reads them back, succeeds. */
export async function finishCommitting(
  record: CommittingRecord,
  context: FinishContext,
): Promise<AttemptResult> {
  context.onCommitting?.()
  const store = await reopened(record, context)
  try {
    const manifest = await storedManifest(record, store, context)
    return {
      ...resultHead(record, context),
      outcome: 'succeeded',
      manifest: manifest.toString('base64'),
      manifest_key: record.manifest_key,
      raw_bytes: record.raw_bytes,
      stored_bytes: record.stored_bytes,
      debris: [],
    }
  } catch (thrown) {
    if (context.leaving.aborted) throw AppError.from(thrown)
    return finishFailed(record, AppError.from(thrown), context, record.objects)
  } finally {
    await store.close()
  }
}

/**
 * Ends an attempt as a failure: aborts its multiparts and names its debris. Waits for a store that does not
 * answer, since the failure is only true once nothing unowned is left; gives up where waiting cannot help.
 *
 * @param known keys that may have been finished, told as debris should the bucket not be listable
 */
export async function finishFailed(
  head: JournalHead,
  cause: AppError,
  context: FinishContext,
  known: readonly string[] = [],
): Promise<AttemptResult> {
  const { world, leaving } = context
  const cleaned = async (): Promise<string[]> => {
    const store = await world.openStore(head.destination)
    try {
      return await rollBack(store, head.prefix, {
        log: world.log,
        onAborted: (key, id) => context.onUpload?.(key, id, 'aborted'),
      })
    } finally {
      await store.close()
    }
  }
  let debris: string[]
  try {
    debris = await patiently(cleaned, {
      clock: world.clock,
      signal: leaving,
      onRetry: error => world.log.warn('cleaning up after a failed attempt is tried again', { error }),
    })
  } catch (thrown) {
    // the journal still says what to do; the next start does it
    if (leaving.aborted) throw AppError.from(thrown)
    world.log.error('a failed attempt could not be cleaned up; a keeper has to', {
      prefix: head.prefix,
      error: thrown,
    })
    debris = [...known]
  }
  const stopped = cause.code === 'job.cancelled' || cause.code === 'job.superseded'
  return {
    ...resultHead(head, context),
    outcome: stopped ? 'cancelled' : 'failed',
    failure: failureOf(cause),
    raw_bytes: context.counted.rawBytes,
    stored_bytes: context.counted.storedBytes,
    debris,
  }
}

/** What every result has. The result id follows from the attempt's: told twice, it is one result. */
export function resultHead(
  head: JournalHead,
  context: Pick<FinishContext, 'counted'> & { readonly world: Pick<Surroundings, 'clock'> },
): Pick<
  AttemptResult,
  | 'version'
  | 'result_id'
  | 'attempt'
  | 'kind'
  | 'destination'
  | 'attempt_prefix'
  | 'started_at'
  | 'ended_at'
  | 'peak_rss_bytes'
> {
  return {
    version: 1,
    result_id: resultIdOf(head.attempt.attempt_id),
    attempt: head.attempt,
    kind: head.kind,
    destination: head.destination.name,
    attempt_prefix: head.prefix,
    started_at: head.started_at,
    ended_at: context.world.clock.now().wall,
    peak_rss_bytes: context.counted.peakRssBytes,
  }
}

function resultIdOf(attemptId: string): IdOf<'result'> {
  return isId('attempt', attemptId) ? idFrom('result', attemptId.slice('att_'.length)) : newId('result')
}

/**
 * The store of an attempt that is committing. Credentials that are gone from the configuration are waited for:
 * whether the manifest lies there cannot be told without them, and neither answer may be guessed.
 */
async function reopened(record: CommittingRecord, { world, leaving }: FinishContext): Promise<ObjectStore> {
  for (;;) {
    try {
      return await world.openStore(record.destination)
    } catch (error) {
      world.log.error('the destination of a backup that is being committed cannot be opened; waiting', {
        error,
      })
      await world.clock.sleep(60_000, leaving)
    }
  }
}

function commitContext({ world, onUpload }: FinishContext) {
  return {
    journal: world.journal,
    clock: world.clock,
    log: world.log,
    ...(onUpload === undefined
      ? {}
      : { onCompleted: (key: string, uploadId: string) => onUpload(key, uploadId, 'completed') }),
  }
}

/** How long it is worth asking whether a manifest lies there that could not be put, ms. */
const doubtMs = 3_600_000

/**
 * Puts the manifest; when that fails for good, looks whether it lies there all the same: a reply was lost
 * before the error. Only bytes that were read decide (J5).
 */
async function storedManifest(
  record: CommittingRecord,
  store: ObjectStore,
  context: FinishContext,
): Promise<Buffer> {
  const { world, leaving } = context
  try {
    return await storeManifest(record, store, commitContext(context), leaving)
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (leaving.aborted) throw error
    world.log.error('the manifest could not be stored; looking whether it is there', { error })
    const found = await patiently(
      async () =>
        (await store.head(objectKey(record.manifest_key), leaving)) === undefined
          ? undefined
          : readWhole(store, record.manifest_key, leaving),
      { clock: world.clock, signal: leaving, giveUpAfter: doubtMs },
    ).catch(() => undefined)
    if (found !== undefined && createHash('sha256').update(found).digest('hex') === record.sha256)
      return found
    throw error
  }
}
