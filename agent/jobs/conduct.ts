import { AppError } from '../../shared/errors/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { AttemptRef } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { runBefore } from '../hooks/around.ts'
import type { HookRun } from '../hooks/hook.ts'
import { afterwards, hookWorld } from './afterwards.ts'
import { crashPoint } from './crash-point.ts'
import { debrisOf } from './debris.ts'
import { type FinishContext, finishCompleting, finishFailed, LeftForLater, resultHead } from './finish.ts'
import type { CompletingRecord, JournalHead, OpenRecord } from './journal-record.ts'
import type { KeyUse } from './key-use.ts'
import { patiently } from './patience.ts'
import type { Recipe, RecipeOutcome } from './recipe.ts'
import { type AttemptResult, failureOf } from './result.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'

/** One attempt, from Start on. */
export interface Conduct {
  readonly recipe: Recipe
  readonly attempt: AttemptRef
  readonly startedAt: Millis
  readonly world: Surroundings
  readonly voice: AttemptVoice
  readonly counted: () => FinishContext['counted']
  /** Default `tell`: a keeper owns what could not be cleaned up. */
  readonly uncleaned?: FinishContext['uncleaned']
}

/**
 * Conducts one attempt through the commit protocol to its result, which is in the spool when this resolves.
 * Resolves with undefined when the process is leaving before that: the journal holds the rest.
 *
 * @throws AppError only with `uncleaned: 'leave'`: the failure of an attempt that stays in the journal
 */
export async function conduct(job: Conduct): Promise<AttemptResult | undefined> {
  const { world, voice } = job
  const touched = new Touched()
  const context = finishContext(job, touched)
  const head = headOf(job)
  const record: OpenRecord = {
    ...head,
    phase: 'open',
    children: [],
    ...(job.recipe.place.target === undefined ? {} : { target: job.recipe.place.target }),
    ...(job.recipe.place.instance === undefined ? {} : { instance: job.recipe.place.instance }),
  }
  const keys: KeyUse[] = []
  const opened = (): OpenRecord => (keys.length === 0 ? record : { ...record, keys_used: [...keys] })
  const journalled: AttemptVoice = {
    ...voice,
    keyUsed: async use => {
      keys.push(use)
      // before anything is read with it: an agent that is killed now still tells of it
      await world.journal.write(opened())
      world.log.info('a key opens a backup', { backup_id: use.backup_id, kind: use.kind, key: use.key })
    },
    touching: () => touched.begin(),
    uploadOpened: (key, uploadId) => {
      touched.keys?.push(key)
      voice.uploadOpened(key, uploadId)
    },
    children: records => {
      voice.children(records)
      world.log.debug('children run', { children: records.map(({ name, pid }) => `${name}:${pid}`) })
      // best effort: pdeathsig is what ends children, this is for what escapes it
      world.journal
        .write({ ...opened(), children: records.map(each => ({ ...each })) })
        .catch((error: unknown) => world.log.warn('the children could not be written down', { error }))
    },
  }
  const ran: HookRun[] = []
  const finish = async (result: AttemptResult) =>
    settled(withKeys(await afterwards(head, result, ran, world, voice), keys), world, voice.leaving)
  try {
    return await finish(await ended(job, head, record, journalled, context, ran))
  } catch (thrown) {
    if (thrown instanceof LeftForLater) throw thrown.cause
    if (!voice.leaving.aborted) {
      // a defect of ours: it must not leave an attempt that never ends. A keeper looks below the prefix.
      const error = AppError.from(thrown)
      world.log.error('an attempt broke in a way it must not', { error })
      return finish(brokenResult(head, error, context))
    }
    world.log.warn('an attempt is left to the next start, which goes on from the journal', {
      error: thrown,
    })
    return undefined
  }
}

/** A result with the keys that were used for it. */
export function withKeys(result: AttemptResult, keys: readonly KeyUse[] = []): AttemptResult {
  return keys.length === 0 ? result : { ...result, keys_used: [...keys] }
}

async function ended(
  job: Conduct,
  head: JournalHead,
  record: OpenRecord,
  voice: AttemptVoice,
  context: FinishContext,
  ran: HookRun[],
): Promise<AttemptResult> {
  const { world, recipe } = job
  let completing: CompletingRecord
  try {
    crashPoint('before-open')
    await world.journal.write(record)
    crashPoint('after-open')
    if (recipe.hooks !== undefined)
      await runBefore(recipe.hooks, hookWorld(world), voice.signal, {
        begins: name =>
          voice.progress({ stage: `hook ${name}`, rawBytes: 0, storedBytes: 0, predictedRawBytes: 0 }),
        ended: run => ran.push(run),
        onChildren: records => voice.children(records),
      })
    const outcome = await recipe.run(voice)
    if (outcome.kind === 'done')
      return {
        ...resultHead(head, context),
        outcome: 'succeeded',
        raw_bytes: outcome.rawBytes,
        stored_bytes: outcome.storedBytes,
        debris: [],
        ...(outcome.manifest === undefined
          ? {}
          : { manifest: outcome.manifest.bytes.toString('base64'), manifest_key: outcome.manifest.key }),
        ...(outcome.copies === undefined ? {} : { copies: [...outcome.copies] }),
        ...(outcome.warnings === undefined || outcome.warnings.length === 0
          ? {}
          : { warnings: [...outcome.warnings] }),
      }
    if (outcome.kind === 'judged') return judged(resultHead(head, context), outcome)
    voice.signal.throwIfAborted()
    completing = completingRecord(head, outcome)
    crashPoint('before-completing')
    await world.journal.write(completing)
    crashPoint('after-completing')
  } catch (thrown) {
    const { reason } = voice.signal
    // what ends because it was told to says so, whatever the last stage complained of
    const cause = voice.signal.aborted && reason instanceof AppError ? reason : AppError.from(thrown)
    return finishFailed(head, cause, context)
  }
  return finishCompleting(completing, context)
}

function judged(
  head: ReturnType<typeof resultHead>,
  { report, failure, rawBytes, storedBytes, warnings }: Extract<RecipeOutcome, { kind: 'judged' }>,
): AttemptResult {
  return {
    ...head,
    outcome: failure === undefined ? 'succeeded' : 'failed',
    ...(failure === undefined ? {} : { failure: failureOf(failure) }),
    raw_bytes: rawBytes,
    stored_bytes: storedBytes,
    debris: [],
    verify: report,
    ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
  }
}

function brokenResult(head: JournalHead, error: AppError, context: FinishContext): AttemptResult {
  return {
    ...resultHead(head, context),
    outcome: 'failed',
    failure: failureOf(error),
    raw_bytes: context.counted.rawBytes,
    stored_bytes: context.counted.storedBytes,
    ...debrisOf(head, head.prefix !== '' && context.touched() !== undefined ? [head.prefix] : []),
  }
}

/** Spools a result and forgets its journal. Waits for a full disk: the result is held and sent meanwhile. */
export async function settled(
  result: AttemptResult,
  world: Pick<Surroundings, 'journal' | 'spool' | 'clock' | 'log'>,
  leaving: AbortSignal,
): Promise<AttemptResult> {
  crashPoint('before-result')
  await patiently(() => world.spool.add(result), {
    clock: world.clock,
    signal: leaving,
    onRetry: error => world.log.error('a result could not be written down; trying again', { error }),
  })
  crashPoint('after-result')
  await world.journal
    .remove(result.attempt.attempt_id)
    .catch((error: unknown) => world.log.warn('a journal entry could not be removed', { error }))
  return result
}

function headOf({ recipe, attempt, startedAt, world }: Conduct): JournalHead {
  const { destination, further = [], prefix } = recipe.place
  return {
    version: further.length === 0 ? 1 : 2,
    attempt: { job_id: attempt.jobId, attempt_id: attempt.attemptId, epoch: attempt.epoch },
    kind: recipe.kind,
    destination,
    ...(further.length === 0 ? {} : { further }),
    prefix,
    started_at: startedAt,
    agent_boot_id: world.bootId,
    ...(recipe.hooks === undefined
      ? {}
      : {
          hooks: {
            after: [...recipe.hooks.after],
            on_failure: [...recipe.hooks.onFailure],
            facts: recipe.hooks.facts,
          },
        }),
  }
}

function completingRecord(
  head: JournalHead,
  outcome: Extract<RecipeOutcome, { kind: 'uploaded' }>,
): CompletingRecord {
  return {
    ...head,
    phase: 'completing',
    uploads: outcome.uploads.map(({ destination, key, uploadId, size, parts }) => ({
      ...(destination === undefined ? {} : { destination }),
      key,
      upload_id: uploadId,
      size,
      parts: parts.map(part => ({ ...part })),
    })),
    ...(outcome.copies === undefined
      ? {}
      : {
          copies: {
            min: outcome.copies.min,
            patience_ms: outcome.copies.patience,
            given_up: outcome.copies.givenUp.map(({ destination, error }) => ({
              destination,
              failure: failureOf(error),
            })),
          },
        }),
    manifest_key: outcome.manifestKey,
    draft: outcome.draft,
  }
}

/** What of an attempt may lie in the bucket. */
class Touched {
  keys: string[] | undefined

  begin(): void {
    this.keys ??= []
  }
}

function finishContext(
  { world, voice, counted, uncleaned = 'tell' }: Conduct,
  touched: Touched,
): FinishContext {
  return {
    world,
    signal: voice.signal,
    leaving: voice.leaving,
    get counted() {
      return counted()
    },
    touched: () => touched.keys,
    uncleaned,
    onCommitting: () => voice.committing(),
    onUpload: (key, id, how) => voice.uploadClosed(key, id, how),
  }
}
