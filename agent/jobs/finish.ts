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
  /** Keys that may lie in the bucket, finished or not; undefined when nothing was begun there. */
  readonly touched: () => readonly string[] | undefined
  /**
   * What becomes of an attempt whose clean-up a store that does not answer holds up: `tell` the failure with
   * its prefix as debris, for a keeper; or `leave` it to the journal and a later start.
   */
  readonly uncleaned: 'tell' | 'leave'
  readonly onCommitting?: () => void
  readonly onUpload?: (key: string, uploadId: string, how: 'completed' | 'aborted') => void
}

/** An attempt failed and could not be cleaned up; its journal entry stays, and says what is to be done. */
export class LeftForLater extends Error {
  override readonly cause: AppError

  constructor(cause: AppError) {
    super(cause.message)
    this.cause = cause
  }
}

/** Cleaning up is tried for so long, ms. */
const cleanUpFor = 120_000

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
    return finishFailed(record, AppError.from(thrown), context)
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
    return finishFailed(record, AppError.from(thrown), context)
  } finally {
    await store.close()
  }
}

/**
 * Ends an attempt as a failure: aborts its multiparts and names its debris. Waits a while for a store that
 * does not answer, since the failure is only whole once nothing unowned is left.
 *
 * @throws LeftForLater, or what a leaving process cut short
 */
export async function finishFailed(
  head: JournalHead,
  cause: AppError,
  context: FinishContext,
): Promise<AttemptResult> {
  const stopped = cause.code === 'job.cancelled' || cause.code === 'job.superseded'
  return {
    ...resultHead(head, context),
    outcome: stopped ? 'cancelled' : 'failed',
    failure: failureOf(cause),
    raw_bytes: context.counted.rawBytes,
    stored_bytes: context.counted.storedBytes,
    debris: await cleanedUp(head, cause, context),
  }
}

async function cleanedUp(head: JournalHead, cause: AppError, context: FinishContext): Promise<string[]> {
  const { world, leaving } = context
  const touched = context.touched()
  if (head.prefix === '' || touched === undefined) return []
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
  try {
    return await patiently(cleaned, {
      clock: world.clock,
      signal: leaving,
      giveUpAfter: cleanUpFor,
      onRetry: error => world.log.warn('cleaning up after a failed attempt is tried again', { error }),
    })
  } catch (thrown) {
    // the journal still says what to do; the next start does it
    if (leaving.aborted) throw AppError.from(thrown)
    world.log.error('a failed attempt could not be cleaned up', { prefix: head.prefix, error: thrown })
    if (context.uncleaned === 'leave') throw new LeftForLater(cause)
    // not empty, so that it has an owner: a keeper looks below the prefix
    return touched.length > 0 ? [...touched] : [head.prefix]
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
