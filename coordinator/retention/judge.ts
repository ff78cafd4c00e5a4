import type { BackupId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import { periodOf } from './calendar.ts'
import { periods, type RetentionRule } from './rule.ts'

/** What is known of a backup when it is asked whether it may go. */
export interface RetainedBackup {
  readonly id: BackupId
  readonly dataAsOf: Millis
  /** Destinations where a copy of it is known to lie. */
  readonly destinations: readonly string[]
  /** False once something speaks against it: it counts for nothing, and only a person deletes it. */
  readonly trusted: boolean
  /** A restore showed that it holds; absent: nobody tried. */
  readonly proven?: boolean
  readonly hold?: { readonly until?: Millis }
  /** Until when its destination's Object Lock keeps it. */
  readonly lockedUntil?: Millis
  /** A job reads it: a restore, a copy, a verification. */
  readonly inUse: boolean
  /** Its deletion is under way: it is no backup any more. */
  readonly leaving: boolean
}

/** All backups of one database, or of a cluster's globals, and how the database stands. */
export interface RetentionCase {
  readonly now: Millis
  /** Our clock may be wrong. */
  readonly clockDoubted: boolean
  /** Whether any policy matches. */
  readonly hasPolicy: boolean
  /** What its policy keeps; absent: everything. */
  readonly rule?: RetentionRule
  /** Its policy asks for proofs by restore. */
  readonly verifies?: boolean
  /** It was dropped, or its server is gone. */
  readonly gone: boolean
  /** Its promise is broken now. */
  readonly breached: boolean
  readonly backups: readonly RetainedBackup[]
}

/** Why a backup stays. Those of the first line hold for the whole database, whatever its rule says. */
export const keepCodes = [
  ...(['clock-doubted', 'gone', 'no-policy', 'no-retention', 'breached'] as const),
  ...([
    'newest-good',
    'newest-proven',
    'last-in-destination',
    'held',
    'in-use',
    'locked',
    'doubtful',
    'future-dated',
  ] as const),
  ...(['keep-last', 'keep-within'] as const),
  ...periods,
] as const
export type KeepCode = (typeof keepCodes)[number]

/** One reason; `until` where time alone ends it. */
export interface KeepReason {
  readonly code: KeepCode
  readonly until?: Millis
}

/** What becomes of one backup. Without a reason to stay it goes. */
export interface RetentionVerdict {
  readonly id: BackupId
  readonly keep: boolean
  readonly reasons: readonly KeepReason[]
}

/**
 * Which backups of a database stay, each with every reason. What no reason keeps may go; whether and when it does is
 * decided elsewhere (grace, brake). Backups that are leaving get no verdict and count for nothing.
 *
 * R1  the newest good backup stays, whatever the rule says; so does the newest good one of each destination, and the
 *     newest that a restore has proven where the policy asks for proofs
 * R2  what is held stays; R3 so does what a job reads, or what is locked
 * R4  age counts from the newest good backup, never from now: while backups fail, nothing gets older
 * R5  a database in breach loses nothing; nor does one that is gone, or that no policy (any more) speaks of
 * R6  a doubted clock deletes nothing; data of the future makes nothing older
 * R7  only good backups count: what is doubtful stays, and stands in for none
 */
export function judgeRetention(input: RetentionCase): readonly RetentionVerdict[] {
  const { now, rule } = input
  const present = input.backups.filter(each => !each.leaving).toSorted(newestFirst)
  const good = present.filter(each => isGood(each, now))
  const reasons = new Map<BackupId, KeepReason[]>(present.map(each => [each.id, []]))
  const keep = (id: BackupId, code: KeepCode, until?: Millis) =>
    reasons.get(id)?.push(until === undefined ? { code } : { code, until })

  const whole = wholeReason(input)
  for (const each of present) {
    if (whole !== undefined) keep(each.id, whole)
    const { hold, lockedUntil } = each
    if (hold !== undefined && (hold.until === undefined || hold.until > now))
      keep(each.id, 'held', hold.until)
    if (each.inUse) keep(each.id, 'in-use')
    if (lockedUntil !== undefined && lockedUntil > now) keep(each.id, 'locked', lockedUntil)
    if (each.dataAsOf > now) keep(each.id, 'future-dated')
    else if (!isGood(each, now)) keep(each.id, 'doubtful')
  }
  const [newest] = good
  if (newest !== undefined) keep(newest.id, 'newest-good')
  const proven = input.verifies === true ? good.find(each => each.proven === true) : undefined
  if (proven !== undefined) keep(proven.id, 'newest-proven')
  for (const destination of new Set(good.flatMap(each => each.destinations))) {
    const last = good.find(each => each.destinations.includes(destination))
    if (last !== undefined && last !== newest) keep(last.id, 'last-in-destination')
  }
  if (rule !== undefined && newest !== undefined) applyRule(rule, good, newest, keep)
  return present.map(({ id }) => {
    const found = reasons.get(id) ?? []
    return { id, keep: found.length > 0, reasons: found }
  })
}

/** When the last of some reasons that time ends is over; undefined when something else keeps it. */
export function keptUntil(reasons: readonly KeepReason[]): Millis | undefined {
  const ends = reasons.map(each => each.until)
  return ends.length > 0 && ends.every(each => each !== undefined) ? Math.max(...ends) : undefined
}

function wholeReason(input: RetentionCase): KeepCode | undefined {
  if (input.clockDoubted) return 'clock-doubted'
  if (input.gone) return 'gone'
  if (!input.hasPolicy) return 'no-policy'
  if (input.rule === undefined) return 'no-retention'
  return input.breached ? 'breached' : undefined
}

function applyRule(
  rule: RetentionRule,
  good: readonly RetainedBackup[],
  newest: RetainedBackup,
  keep: (id: BackupId, code: KeepCode, until?: Millis) => void,
): void {
  const { keepLast, keepWithin, zone } = rule
  for (const { id } of good.slice(0, Math.max(1, keepLast))) keep(id, 'keep-last')
  if (keepWithin !== undefined)
    // at the earliest: it counts from backups that are still to come
    for (const { id, dataAsOf } of good)
      if (newest.dataAsOf - dataAsOf <= keepWithin) keep(id, 'keep-within', dataAsOf + keepWithin)
  for (const period of periods) {
    let left = rule.periods[period] ?? 0
    let last: number | undefined
    for (const { id, dataAsOf } of good) {
      if (left === 0) break
      const at = periodOf(period, zone, dataAsOf)
      if (at === last) continue
      last = at
      left--
      keep(id, period)
    }
  }
}

function isGood({ trusted, destinations, dataAsOf }: RetainedBackup, now: Millis): boolean {
  return trusted && destinations.length > 0 && dataAsOf <= now
}

function newestFirst(a: RetainedBackup, b: RetainedBackup): number {
  return b.dataAsOf - a.dataAsOf || (a.id < b.id ? 1 : -1)
}
