/** Questions that may wait at Consul: by default it takes 200 connections of one client. */
const mostWaiting = 100
/** Questions at a time where more services are followed than may wait. */
const atOnce = 16

/**
 * How many services are followed. Few are each followed by a question that waits at Consul for news; a crowd is asked
 * in rounds, a few at a time, since Consul refuses the connections of one client beyond a number.
 */
export class Crowd {
  readonly #most: number
  #followed = 0
  #running = 0
  readonly #line: (() => void)[] = []

  constructor(most = mostWaiting) {
    this.#most = most
  }

  get crowded(): boolean {
    return this.#followed > this.#most
  }

  join(): void {
    this.#followed++
  }

  leave(): void {
    this.#followed--
  }

  /** Runs a question when it is its turn; at once where there is no crowd. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (!this.crowded) return work()
    while (this.#running >= atOnce) await new Promise<void>(resolve => this.#line.push(resolve))
    this.#running++
    try {
      return await work()
    } finally {
      this.#running--
      this.#line.shift()?.()
    }
  }
}
