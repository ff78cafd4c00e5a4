import type { Duration, Millis } from '../../shared/time/index.ts'
import type { Policy } from '../policy/index.ts'
import { expectedRuns, type Runs } from '../protection/expected-runs.ts'
import type { DatabaseStateRecord } from '../store/records.ts'

/** The time that rates of expected runs are of. */
export const runsCounted: Duration = 24 * 3_600_000

/** Expected runs of the last day and those made, by policy: as of the last review of all promises. */
export class RunRates {
  #byPolicy: ReadonlyMap<string, Runs> = new Map()

  get byPolicy(): ReadonlyMap<string, Runs> {
    return this.#byPolicy
  }

  get total(): Runs {
    let [expected, made] = [0, 0]
    for (const each of this.#byPolicy.values()) {
      expected += each.expected
      made += each.made
    }
    return { expected, made }
  }

  replace(byPolicy: ReadonlyMap<string, Runs>): void {
    this.#byPolicy = byPolicy
  }
}

/** Sums runs over databases, for one review. */
export class RunCount {
  readonly byPolicy = new Map<string, { expected: number; made: number }>()

  add(policy: Policy, state: DatabaseStateRecord, now: Millis): void {
    const { expected, made } = expectedRuns({
      policy,
      clockFrom: state.clockFrom,
      good: state.recentGood ?? lastGood(state),
      from: now - runsCounted,
      to: now,
    })
    const sum = this.byPolicy.get(policy.name)
    if (sum === undefined) this.byPolicy.set(policy.name, { expected, made })
    else {
      sum.expected += expected
      sum.made += made
    }
  }
}

/** What is known of good backups where an earlier version kept no list. */
export function lastGood({ lastDataAsOf, lastAssignedAt }: DatabaseStateRecord): readonly Millis[] {
  return lastDataAsOf === undefined ? [] : [Math.max(lastDataAsOf, lastAssignedAt ?? 0)]
}
