import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import {
  decideStrategy,
  type StagingArea,
  type StrategyDecision,
  type StrategyFacts,
} from '../pipeline/staging/index.ts'

/** What was decided; `refused` is thrown. */
export type Decided = Exclude<StrategyDecision, { strategy: 'refused' }>

/**
 * How the bytes of an attempt are to go. Where there is too little room, what dead attempts have staged is swept
 * first, and the decision made again.
 *
 * @throws AppError `staging.low-space` with how much is missing, `staging.unusable`
 */
export async function chooseStrategy(
  asked: Pick<StrategyFacts, 'asked' | 'codec' | 'predictedRawBytes' | 'predictedStoredBytes'>,
  area: StagingArea | undefined,
  log: Log,
): Promise<Decided> {
  if (asked.asked === 'streaming') return { strategy: 'streaming', reason: 'default' }
  const first = await decided(asked, area, log)
  if (first.reason !== 'low-space') return demanded(first, area)
  await area?.sweep().catch((error: unknown) => log.warn('the staging folder could not be swept', { error }))
  return demanded(await decided(asked, area, log), area)
}

async function decided(
  asked: Pick<StrategyFacts, 'asked' | 'codec' | 'predictedRawBytes' | 'predictedStoredBytes'>,
  area: StagingArea | undefined,
  log: Log,
): Promise<StrategyDecision> {
  const freeBytes = await area?.freeBytes().catch((error: unknown) => {
    log.warn('the staging folder cannot be used', { error })
    return undefined
  })
  return decideStrategy({
    ...asked,
    freeBytes,
    promisedBytes: area?.promisedBytes ?? 0,
    reserveBytes: area?.reserveBytes ?? 0,
  })
}

function demanded(decision: StrategyDecision, area: StagingArea | undefined): Decided {
  if (decision.strategy !== 'refused') return decision
  const folder = area?.folder ?? ''
  if (decision.reason === 'staging-unusable') throw new AppError('staging.unusable', { context: { folder } })
  const { space } = decision
  throw new AppError('staging.low-space', {
    context: {
      folder,
      missing_bytes: space.missingBytes,
      needed_bytes: space.neededBytes,
      free_bytes: space.freeBytes,
      promised_bytes: space.promisedBytes,
      reserve_bytes: space.reserveBytes,
      predicted_bytes: space.predictedBytes,
    },
  })
}
