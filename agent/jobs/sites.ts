import type { Destination } from '../../shared/model/destination.ts'
import type { CommittingRecord, CompletingRecord, JournalHead } from './journal-record.ts'
import type { GivenUp } from './quorum.ts'
import { failureOf } from './result.ts'

type Placed = CompletingRecord | CommittingRecord

/** Every destination of an attempt, given up or not. */
export function destinationsOf({
  destination,
  further = [],
}: Pick<JournalHead, 'destination' | 'further'>): readonly Destination[] {
  return [destination, ...further]
}

/** Those that still take part. */
export function sitesOf(record: Placed): readonly Destination[] {
  const givenUp = new Set(record.copies?.given_up.map(each => each.destination))
  return destinationsOf(record).filter(({ name }) => !givenUp.has(name))
}

/** How many copies it takes, never more than there are destinations left, and how long the rest is waited for. */
export function ruleOf(record: Placed): { readonly min: number; readonly patience: number } {
  const { min = 1, patience_ms: patience = 0 } = record.copies ?? {}
  return { min: Math.min(min, sitesOf(record).length), patience }
}

/** What the next record says of copies. */
export function withGivenUp(record: Placed, more: readonly GivenUp[]): Placed['copies'] {
  const { copies } = record
  if (copies === undefined) return undefined
  return {
    ...copies,
    given_up: [
      ...copies.given_up,
      ...more.map(({ destination, error }) => ({ destination, failure: failureOf(error) })),
    ],
  }
}
