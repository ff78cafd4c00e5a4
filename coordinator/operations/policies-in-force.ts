import type { Millis } from '../../shared/time/index.ts'
import type { NamedBudgets } from '../budget-config.ts'
import type { LiveSettings } from '../live-settings.ts'
import type { PolicyBook } from '../policy/index.ts'
import type { PolicyHome } from '../store/records.ts'

/** Policies with where they are from. */
export interface InForce {
  readonly book: PolicyBook
  readonly budgets?: NamedBudgets
  /** What stands beside them in place of the configuration's. */
  readonly live?: LiveSettings
  readonly home: PolicyHome
  /** Of the text they were read from; 0: of none yet. */
  readonly revision: number
  readonly text: string
  readonly lines: ReadonlyMap<string, string>
}

/** A newer text that could not be put in force: those before it stay. */
export interface PolicyProblem {
  readonly since: Millis
  readonly message: string
}

/** What is promised now, and within which budgets: as last adopted, without a restart. */
export class PoliciesInForce {
  #now: InForce
  #problem: PolicyProblem | undefined

  constructor(configured: InForce) {
    this.#now = configured
  }

  get book(): PolicyBook {
    return this.#now.book
  }

  get budgets(): NamedBudgets | undefined {
    return this.#now.budgets
  }

  get now(): InForce {
    return this.#now
  }

  get problem(): PolicyProblem | undefined {
    return this.#problem
  }

  adopt(next: InForce): void {
    this.#now = next
    this.#problem = undefined
  }

  refuse(problem: PolicyProblem | undefined): void {
    this.#problem = problem
  }
}
