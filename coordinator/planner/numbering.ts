/** Names by number, in the order they first came. */
export class Numbering<K> {
  readonly names: K[] = []
  readonly #numbers = new Map<K, number>()

  get count(): number {
    return this.names.length
  }

  /** The number of a name, a fresh one where it is new; -1 of none. */
  of(name: K | undefined): number {
    if (name === undefined) return -1
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const fresh = this.names.length
    this.#numbers.set(name, fresh)
    this.names.push(name)
    return fresh
  }

  /** -1 where it never came. */
  find(name: K | undefined): number {
    return name === undefined ? -1 : (this.#numbers.get(name) ?? -1)
  }
}
