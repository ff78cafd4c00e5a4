import type { Codec, Strategy } from '../../../shared/model/engine.ts'

/** What the decision is made from, bytes. */
export interface StrategyFacts {
  readonly asked: Strategy
  readonly codec: Codec
  /** 0 when unknown. */
  readonly predictedRawBytes: number
  readonly predictedStoredBytes: number
  /** Free in the staging folder's file system; undefined when the folder cannot be used. */
  readonly freeBytes: number | undefined
  /** Of these, what other attempts that are being staged will still write. */
  readonly promisedBytes: number
  /** The floor below which staging never takes the disk. */
  readonly reserveBytes: number
}

/** The sum, for people: `missing` is 0 when there is room. */
export interface StagingSpace {
  readonly predictedBytes: number
  readonly neededBytes: number
  readonly freeBytes: number
  readonly promisedBytes: number
  readonly reserveBytes: number
  readonly missingBytes: number
}

/** How bytes are to reach the store, and why: one code. */
export type StrategyDecision =
  | {
      readonly strategy: 'streaming'
      readonly reason: 'default' | 'low-space' | 'unpredicted' | 'staging-unusable'
      readonly space?: StagingSpace
    }
  | { readonly strategy: 'staged'; readonly reason: 'asked' | 'room'; readonly space: StagingSpace }
  | { readonly strategy: 'refused'; readonly reason: 'low-space'; readonly space: StagingSpace }
  | { readonly strategy: 'refused'; readonly reason: 'staging-unusable' }

/**
 * Streaming unless the policy asks for more; staged only where, above the floor, more than twice the prediction
 * is free (architecture §7). `auto` streams where that does not hold, `staged` refuses. A size that nobody can
 * predict is staged only when asked for by name: what it takes is watched while it is written.
 */
export function decideStrategy(facts: StrategyFacts): StrategyDecision {
  if (facts.asked === 'streaming') return { strategy: 'streaming', reason: 'default' }
  if (facts.freeBytes === undefined)
    return facts.asked === 'auto'
      ? { strategy: 'streaming', reason: 'staging-unusable' }
      : { strategy: 'refused', reason: 'staging-unusable' }
  const predictedBytes = predictedOnDisk(facts)
  const { freeBytes, promisedBytes, reserveBytes } = facts
  const neededBytes = 2 * predictedBytes + reserveBytes
  const available = freeBytes - promisedBytes
  const space: StagingSpace = {
    predictedBytes,
    neededBytes,
    freeBytes,
    promisedBytes,
    reserveBytes,
    // more than twice: one byte above
    missingBytes: Math.max(0, neededBytes - available + 1),
  }
  if (facts.asked === 'auto' && predictedBytes === 0)
    return { strategy: 'streaming', reason: 'unpredicted', space }
  if (space.missingBytes === 0)
    return { strategy: 'staged', reason: facts.asked === 'auto' ? 'room' : 'asked', space }
  return { strategy: facts.asked === 'auto' ? 'streaming' : 'refused', reason: 'low-space', space }
}

/** What will lie on the disk: what was stored the last time; without that, or uncompressed, all that is read. */
function predictedOnDisk({ codec, predictedRawBytes, predictedStoredBytes }: StrategyFacts): number {
  if (codec === 'none') return Math.max(predictedRawBytes, predictedStoredBytes)
  return predictedStoredBytes > 0 ? predictedStoredBytes : predictedRawBytes
}
