import { createHash } from 'node:crypto'
import { newId } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import { type IdOf, idFrom, isId } from '../../shared/model/identifiers.ts'
import { manifestSchema } from '../../shared/model/manifest.ts'
import { type ObjectStore, objectKey } from '../../shared/object-store/port.ts'
import { beginCommitting, completeUploads, readWhole, storeManifest } from './commit.ts'
import { crashPoint } from './crash-point.ts'
import { debrisOf } from './debris.ts'
import type { CommittingRecord, CompletingRecord, JournalHead } from './journal-record.ts'
import { lockBackup } from './lock-backup.ts'
import { patiently } from './patience.ts'
import { type QuorumEnd, quorum } from './quorum.ts'
import { type AttemptResult, failureOf } from './result.ts'
import { rollBack } from './roll-back.ts'
import { destinationsOf, ruleOf, sitesOf, withGivenUp } from './sites.ts'
import type { Surroundings } from './surroundings.ts'

/** What finishing an attempt uses, running or recovered. */
export interface FinishContext {
  readonly world: Pick<Surroundings, 'journal' | 'clock' | 'log' | 'openStore' | 'signer'>
  /** A cancel; obeyed until `committing` stands in the journal. */
  readonly signal: AbortSignal
  /** The process ends: leave everything to the restart. */
  readonly leaving: AbortSignal
  readonly counted: {
    readonly rawBytes: number
    readonly storedBytes: number
    readonly peakRssBytes: number
    /** What it took besides; absent when recovered. */
    readonly observed?: AttemptResult['observed']
  }
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

/**
 * Goes forward from `completing`: to a success, or to a failure that says what is left. With several destinations
 * all go through it at once; one that fails, or is not done within the patience after enough others are, is given up.
 */
export async function finishCompleting(
  record: CompletingRecord,
  context: FinishContext,
): Promise<AttemptResult> {
  let committing: CommittingRecord
  try {
    const { min } = ruleOf(record)
    const end = await quorum(
      sitesOf(record),
      (destination, signal) => completedAt(destination, record, context, signal),
      { ...ruleOf(record), enough: min, atLeast: min, clock: context.world.clock, signal: context.signal },
    )
    context.signal.throwIfAborted()
    for (const { destination, error } of end.givenUp) tellGivenUp(destination, error, context)
    committing = await beginCommitting(record, withGivenUp(record, end.givenUp), commitContext(context))
  } catch (thrown) {
    if (context.leaving.aborted) throw AppError.from(thrown)
    return finishFailed(record, AppError.from(thrown), context)
  }
  return finishCommitting(committing, context)
}

async function completedAt(
  destination: Destination,
  record: CompletingRecord,
  context: FinishContext,
  signal: AbortSignal,
): Promise<void> {
  const store = await context.world.openStore(destination)
  const uploads = record.uploads.filter(
    each => (each.destination ?? record.destination.name) === destination.name,
  )
  try {
    await completeUploads(uploads, store, commitContext(context), signal)
  } finally {
    await store.close()
  }
}

/**
 * Goes forward from `committing`: puts the same bytes, reads them back, succeeds. With several destinations it is
 * a success once as many as are asked for have it, and the rest has had its time; when that cannot be had any
 * more, one is enough: what has a manifest is a backup (J7), and what is missing is copied later.
 */
export async function finishCommitting(
  record: CommittingRecord,
  context: FinishContext,
): Promise<AttemptResult> {
  context.onCommitting?.()
  try {
    const sites = sitesOf(record)
    const verifiedAt = new Map<string, number>()
    const warnings: string[] = []
    const end = await quorum(
      sites,
      async (destination, signal) => {
        const { manifest, warning } = await committedAt(destination, record, context, signal)
        if (warning !== undefined) warnings.push(warning)
        verifiedAt.set(destination.name, context.world.clock.now().wall)
        crashPoint('after-manifest-read-back')
        return manifest
      },
      {
        ...ruleOf(record),
        enough: ruleOf(record).min,
        atLeast: 1,
        clock: context.world.clock,
        signal: context.leaving,
      },
    )
    const [first] = end.done
    if (first === undefined) throw new AppError('internal', { message: 'no manifest was stored' })
    const [destination, manifest] = first
    for (const { destination, error } of end.givenUp) tellGivenUp(destination, error, context)
    return {
      ...resultHead(record, context),
      destination,
      outcome: 'succeeded',
      manifest: manifest.toString('base64'),
      manifest_key: record.manifest_key,
      raw_bytes: record.raw_bytes,
      stored_bytes: record.stored_bytes,
      debris: [],
      ...(warnings.length === 0 ? {} : { warnings }),
      ...copiesOf(record, verifiedAt, end),
    }
  } catch (thrown) {
    if (context.leaving.aborted) throw AppError.from(thrown)
    return finishFailed(record, AppError.from(thrown), context)
  }
}

async function committedAt(
  destination: Destination,
  record: CommittingRecord,
  context: FinishContext,
  signal: AbortSignal,
): Promise<{ readonly manifest: Buffer; readonly warning: string | undefined }> {
  const store = await reopened(destination, context, signal)
  try {
    const manifest = await storedManifest(record, store, context, signal)
    const warning = await lockBackup(destination, lockable(record, manifest), store, context.world, signal)
    return { manifest, warning }
  } finally {
    await store.close()
  }
}

/** All that lies there of a committed backup, and since when. */
function lockable(record: CommittingRecord, manifest: Buffer): Parameters<typeof lockBackup>[1] {
  return {
    keys: [...record.objects, record.manifest_key],
    committedAt: manifestSchema.parse(JSON.parse(manifest.toString())).committed_at,
  }
}

/** What each destination got, where there are several. */
function copiesOf(
  record: CommittingRecord,
  verifiedAt: ReadonlyMap<string, number>,
  end: QuorumEnd<Buffer>,
): Pick<AttemptResult, 'copies'> {
  if (record.further === undefined) return {}
  const failures = new Map([
    ...(record.copies?.given_up ?? []).map(each => [each.destination, each.failure] as const),
    ...end.givenUp.map(({ destination, error }) => [destination, failureOf(error)] as const),
  ])
  return {
    copies: destinationsOf(record).map(({ name }) => {
      const at = verifiedAt.get(name)
      const failure = failures.get(name)
      if (end.done.has(name) && at !== undefined)
        return { destination: name, state: 'present', verified_at: at, debris: [] }
      return {
        destination: name,
        state: 'missing',
        ...(failure === undefined ? {} : { failure }),
        debris: [],
      }
    }),
  }
}

function tellGivenUp(destination: string, error: AppError, { world }: FinishContext): void {
  world.log.warn('a destination was given up; its copy is to be made later', { destination, error })
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
    ...debrisOf(head, await cleanedUp(head, cause, context)),
  }
}

/** Cleans up in every destination at once; what is left where, by name. */
async function cleanedUp(
  head: JournalHead,
  cause: AppError,
  context: FinishContext,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const touched = context.touched()
  if (head.prefix === '' || touched === undefined) return new Map()
  const ends = await Promise.allSettled(
    destinationsOf(head).map(
      async destination =>
        [destination.name, await cleanedUpAt(destination, head, touched, cause, context)] as const,
    ),
  )
  return new Map(
    ends.map(end => {
      if (end.status === 'rejected') throw end.reason
      return end.value
    }),
  )
}

async function cleanedUpAt(
  destination: Destination,
  head: JournalHead,
  touched: readonly string[],
  cause: AppError,
  context: FinishContext,
): Promise<readonly string[]> {
  const { world, leaving } = context
  const cleaned = async (): Promise<string[]> => {
    const store = await world.openStore(destination)
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
    world.log.error('a failed attempt could not be cleaned up', {
      destination: destination.name,
      prefix: head.prefix,
      error: thrown,
    })
    if (context.uncleaned === 'leave') throw new LeftForLater(cause)
    // not empty, so that it has an owner: a keeper looks below the prefix
    return touched.length > 0 ? touched : [head.prefix]
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
  | 'observed'
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
    ...(context.counted.observed === undefined ? {} : { observed: context.counted.observed }),
  }
}

function resultIdOf(attemptId: string): IdOf<'result'> {
  return isId('attempt', attemptId) ? idFrom('result', attemptId.slice('att_'.length)) : newId('result')
}

/**
 * The store of an attempt that is committing. Credentials that are gone from the configuration are waited for:
 * whether the manifest lies there cannot be told without them, and neither answer may be guessed.
 */
async function reopened(
  destination: Destination,
  { world }: FinishContext,
  signal: AbortSignal,
): Promise<ObjectStore> {
  for (;;) {
    try {
      return await world.openStore(destination)
    } catch (error) {
      world.log.error('the destination of a backup that is being committed cannot be opened; waiting', {
        destination: destination.name,
        error,
      })
      await world.clock.sleep(60_000, signal)
    }
  }
}

function commitContext({ world, onUpload }: FinishContext) {
  return {
    journal: world.journal,
    clock: world.clock,
    log: world.log,
    ...(world.signer === undefined ? {} : { signer: world.signer }),
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
  signal: AbortSignal,
): Promise<Buffer> {
  const { world } = context
  try {
    return await storeManifest(record, store, commitContext(context), signal)
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (signal.aborted) throw error
    world.log.error('the manifest could not be stored; looking whether it is there', { error })
    const found = await patiently(
      async () =>
        (await store.head(objectKey(record.manifest_key), signal)) === undefined
          ? undefined
          : readWhole(store, record.manifest_key, signal),
      { clock: world.clock, signal, giveUpAfter: doubtMs },
    ).catch(() => undefined)
    if (found !== undefined && createHash('sha256').update(found).digest('hex') === record.sha256)
      return found
    throw error
  }
}
