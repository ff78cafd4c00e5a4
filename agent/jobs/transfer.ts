import type { BackupSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { type Limit, limits, Throttle } from '../pipeline/throttle.ts'
import { startedThrough } from '../process/index.ts'
import type { Surroundings } from './surroundings.ts'

/** How the streams of an attempt are run, whatever they carry. */
export interface Transfer {
  /** Holds bytes back on their way to the stores: the job's own rate, its share of budgets, and the agent's. */
  readonly limit?: Limit
  readonly idleTimeoutMs?: number
  /** What children are started through. */
  readonly through: readonly string[]
}

/**
 * What policy and agent say about the way: the job's rate is its own, the agent's is shared by all its jobs.
 *
 * @throws AppError `tool.missing` for `nice` or `ionice`
 */
export async function transferOf(
  { maxRate, idleTimeoutMs }: Pick<BackupSpec, 'maxRate' | 'idleTimeoutMs'>,
  world: Pick<Surroundings, 'clock' | 'throttle' | 'share' | 'idleTimeoutMs' | 'childPriority' | 'tools'>,
): Promise<Transfer> {
  const held = [
    ...(maxRate > 0 ? [new Throttle(maxRate, world.clock)] : []),
    ...(world.share === undefined ? [] : [world.share]),
    ...(world.throttle === undefined ? [] : [world.throttle]),
  ]
  const idle = idleTimeoutMs > 0 ? idleTimeoutMs : world.idleTimeoutMs
  return {
    ...(held.length === 0 ? {} : { limit: limits(held) }),
    ...(idle === undefined ? {} : { idleTimeoutMs: idle }),
    through: await startedThrough(world.tools, world.childPriority ?? {}),
  }
}
