import { type StoreOutcome, withOutcome } from '../alerts/rules/destination-health.ts'

/**
 * How attempts that stored something in a destination ended lately, by destination: memory only. After a takeover
 * it fills anew; an alert about a destination stays open until something is stored there.
 */
export class StoreOutcomes {
  readonly #outcomes = new Map<string, readonly StoreOutcome[]>()

  note(destination: string, outcome: StoreOutcome): void {
    this.#outcomes.set(destination, withOutcome(this.#outcomes.get(destination) ?? [], outcome))
  }

  all(): Iterable<readonly [destination: string, outcomes: readonly StoreOutcome[]]> {
    return this.#outcomes
  }
}
