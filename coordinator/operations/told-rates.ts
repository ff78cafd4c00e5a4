import type { AttemptId } from '../../shared/model/identifiers.ts'

/** What each attempt at work was told to keep to; memory only: a new term tells it anew. */
export class ToldRates {
  readonly #told = new Map<AttemptId, number | 'unknown'>()

  get none(): boolean {
    return this.#told.size === 0
  }

  /** Whether an attempt knows it. @param rate bytes a second; 0: no budget limits it */
  knows(id: AttemptId, rate: number): boolean {
    return (this.#told.get(id) ?? 0) === rate
  }

  told(id: AttemptId, rate: number): void {
    if (rate === 0) this.#told.delete(id)
    else this.#told.set(id, rate)
  }

  /** Its agent came on a new stream: what it heard last nobody knows. */
  unsure(id: AttemptId): void {
    this.#told.set(id, 'unknown')
  }

  /** Forgets what is not at work any more. */
  keep(atWork: ReadonlySet<AttemptId>): void {
    for (const id of this.#told.keys()) if (!atWork.has(id)) this.#told.delete(id)
  }
}
