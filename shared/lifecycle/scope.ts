/** Something that can be closed, once. Closing twice is harmless. */
export interface Closable {
  close(): Promise<void> | void
}

/**
 * Owns resources in the order they were made and closes them in reverse, one after the other: construction
 * order is teardown order, reversed. Every close is tried; failures are gathered into one AggregateError.
 */
export class Scope implements AsyncDisposable {
  readonly #owned: Closable[] = []
  #closed = false

  /** Takes ownership and hands the resource back. */
  own<T extends Closable>(resource: T): T {
    if (this.#closed) throw new Error('scope is closed')
    this.#owned.push(resource)
    return resource
  }

  /** Owns a bare function as a close step. */
  defer(close: () => Promise<void> | void): void {
    this.own({ close })
  }

  /** Closes everything owned, last first. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const failures: unknown[] = []
    for (const resource of this.#owned.splice(0).reverse()) {
      try {
        await resource.close()
      } catch (thrown) {
        failures.push(thrown)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'closing failed')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
