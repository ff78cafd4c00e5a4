/** A binary heap: the item whose key is lowest comes first, among equals the one that came first. */
export class Heap<T> {
  readonly #items: { readonly key: number; readonly order: number; readonly item: T }[] = []
  #count = 0

  get size(): number {
    return this.#items.length
  }

  /** The lowest key; infinite when empty. */
  get key(): number {
    return this.#items[0]?.key ?? Number.POSITIVE_INFINITY
  }

  push(key: number, item: T): void {
    const entry = { key, order: this.#count++, item }
    let at = this.#items.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#before(at, parent)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  pop(): T | undefined {
    const [first] = this.#items
    const last = this.#items.pop()
    if (first === undefined || last === undefined || this.#items.length === 0) return first?.item
    this.#items[0] = last
    let at = 0
    for (;;) {
      let lowest = at
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.#items.length && this.#before(child, lowest)) lowest = child
      if (lowest === at) return first.item
      this.#swap(at, lowest)
      at = lowest
    }
  }

  #before(one: number, other: number): boolean {
    const a = this.#items[one]
    const b = this.#items[other]
    return a !== undefined && b !== undefined && (a.key < b.key || (a.key === b.key && a.order < b.order))
  }

  #swap(one: number, other: number): void {
    const a = this.#items[one]
    const b = this.#items[other]
    if (a === undefined || b === undefined) return
    this.#items[one] = b
    this.#items[other] = a
  }
}
