import { AppError } from '../../shared/errors/index.ts'
import { endLeftovers } from '../process/index.ts'
import { type AfterwardsWorld, afterwards } from './afterwards.ts'
import { settled, withKeys } from './conduct.ts'
import { type FinishContext, finishCommitting, finishCompleting, finishFailed } from './finish.ts'
import type { JournalRecord, OpenRecord } from './journal-record.ts'
import type { AttemptResult } from './result.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * What recovery uses: no tools but for hooks, since it only looks after what is in the bucket; and, where there are
 * credentials for it, the engine of a half restored database.
 */
export type RecoveryWorld = Pick<
  Surroundings,
  'journal' | 'spool' | 'clock' | 'log' | 'openStore' | 'signer'
> &
  Partial<Pick<Surroundings, 'engineFor' | 'targetFor'>> &
  AfterwardsWorld

/**
 * The attempts a former process of this agent left unfinished. Their children are ended at once; those whose
 * result is in the spool already are forgotten.
 */
export async function leftBehind(world: RecoveryWorld): Promise<readonly JournalRecord[]> {
  const open: JournalRecord[] = []
  for (const record of await world.journal.records()) {
    if (world.spool.ofAttempt(record.attempt.attempt_id) !== undefined) {
      await world.journal.remove(record.attempt.attempt_id)
      continue
    }
    if (record.phase === 'open') {
      const ended = endLeftovers(record.children)
      if (ended.length > 0)
        world.log.warn('children of a former process were still running and were ended', {
          job_id: record.attempt.job_id,
          attempt_id: record.attempt.attempt_id,
          children: ended.map(each => `${each.name}:${each.pid}`),
        })
    }
    open.push(record)
  }
  return open
}

/**
 * Takes one of them back or forward, by its phase (the table in journal-record.ts); the result is in the spool
 * when this resolves. Waits for a store that does not answer; rejects only when the process is leaving.
 */
export async function recover(
  record: JournalRecord,
  world: RecoveryWorld,
  leaving: AbortSignal,
  uncleaned: FinishContext['uncleaned'] = 'tell',
): Promise<AttemptResult> {
  const context: FinishContext = {
    world,
    // nobody can cancel what only goes on to be tidied up
    signal: leaving,
    leaving,
    counted: { rawBytes: 0, storedBytes: 0, peakRssBytes: 0 },
    touched: () => keysIn(record),
    uncleaned,
  }
  world.log.info('going on from the journal', {
    phase: record.phase,
    kind: record.kind,
  })
  const result = await finished(record, context, world)
  // those behind it had not all run, or it would be in the spool
  const told = withKeys(
    await afterwards(record, result, [], world, { leaving }),
    record.phase === 'open' ? record.keys_used : undefined,
  )
  return settled(told, world, leaving)
}

async function finished(
  record: JournalRecord,
  context: FinishContext,
  world: RecoveryWorld,
): Promise<AttemptResult> {
  switch (record.phase) {
    case 'open':
      return finishFailed(record, restarted(record, await dropped(record, world)), context)
    case 'completing':
      return finishCompleting(record, context)
    case 'committing':
      return finishCommitting(record, context)
    default:
      return record satisfies never
  }
}

/** An `open` record was written before its keys were known. */
function keysIn(record: JournalRecord): readonly string[] {
  switch (record.phase) {
    case 'open':
      return []
    case 'completing':
      return [...new Set(record.uploads.map(({ key }) => key))]
    case 'committing':
      return record.objects
    default:
      return record satisfies never
  }
}

/**
 * Drops the hidden database of a restore that its process left behind. Best effort: a server that does not answer
 * now keeps it, and the result says so.
 */
async function dropped(
  { kind, target, instance, attempt }: OpenRecord,
  { engineFor, targetFor, log }: RecoveryWorld,
): Promise<boolean> {
  if (kind !== 'restore' || target === undefined || instance === undefined) return false
  const { instance_id: instanceId, ...rest } = instance
  const drop = engineFor?.(instance.engine).dropUnfinished
  if (drop === undefined || targetFor === undefined) return false
  try {
    await drop(targetFor({ instanceId, ...rest, meta: [] }, 'restore'), target, attempt.attempt_id)
    return true
  } catch (error) {
    log.warn('a half restored database could not be dropped', { target, error })
    return false
  }
}

function restarted(record: OpenRecord, tidied: boolean): AppError {
  const context = { phase: record.phase, ...(record.target === undefined ? {} : { target: record.target }) }
  return record.kind === 'restore'
    ? new AppError('job.lost-guarded', {
        message: tidied
          ? 'the agent ended during a restore; what was half restored is dropped'
          : 'the agent ended during a restore; its target may be half written',
        context,
      })
    : new AppError('job.agent-restarted', { message: 'the agent ended during this job', context })
}
