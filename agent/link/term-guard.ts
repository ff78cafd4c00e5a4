/**
 * The highest term seen of one store incarnation. A leader that was stopped and woke still speaks (facts-runtime
 * §6 A4); what it says with its lower term is refused. A restored store begins its terms anew, so another
 * incarnation resets it.
 */
export class TermGuard {
  #term = 0
  #incarnation = ''

  /** A Welcome: whether its sender may lead us. */
  welcome(term: number, incarnation: string): boolean {
    if (incarnation === this.#incarnation && term < this.#term) return false
    this.#incarnation = incarnation
    this.#term = term
    return true
  }

  /** Any later frame: whether it counts. */
  accepts(term: number): boolean {
    if (term < this.#term) return false
    this.#term = term
    return true
  }

  get term(): number {
    return this.#term
  }
}
