import type { NamedBudgets } from '../budget-config.ts'
import type { PolicyBook } from '../policy/index.ts'

/** What is promised now, and within which budgets: as last adopted, without a restart. */
export class PoliciesInForce {
  #book: PolicyBook
  #budgets: NamedBudgets | undefined

  constructor(book: PolicyBook, budgets?: NamedBudgets) {
    this.#book = book
    this.#budgets = budgets
  }

  get book(): PolicyBook {
    return this.#book
  }

  get budgets(): NamedBudgets | undefined {
    return this.#budgets
  }

  adopt(book: PolicyBook, budgets: NamedBudgets | undefined): void {
    this.#book = book
    this.#budgets = budgets
  }
}
