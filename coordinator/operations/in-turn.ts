/** Runs works of one key one after the other, those of different keys at the same time. */
export class InTurn<K> {
  readonly #last = new Map<K, Promise<unknown>>()

  /** Resolves or rejects as `work` does, once those before it ended, however they did. */
  run<T>(key: K, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const turn = before === undefined ? work() : before.then(work, work)
    const done = turn.catch(() => undefined)
    this.#last.set(key, done)
    void done.then(() => {
      if (this.#last.get(key) === done) this.#last.delete(key)
    })
    return turn
  }
}
