import type { Log } from '../../shared/log/index.ts'
import type { AttemptRef } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { Surroundings } from './surroundings.ts'

/** The log of an attempt: job and attempt stand in every line, as they do in the coordinator's. */
export function attemptLog(log: Log, { jobId, attemptId }: Pick<AttemptRef, 'jobId' | 'attemptId'>): Log {
  return log.child({ job_id: jobId, attempt_id: attemptId })
}

/** The world of an attempt: whatever is said in it, down to the stores and their parts, is said by its log. */
export function attemptWorld<W extends Pick<Surroundings, 'log' | 'openStore'>>(
  world: W,
  ref: Pick<AttemptRef, 'jobId' | 'attemptId'>,
): W {
  const log = attemptLog(world.log, ref)
  return { ...world, log, openStore: destination => world.openStore(destination, log) }
}
