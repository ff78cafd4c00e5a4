import type { PartBudget, Reservation } from '../part-budget.ts'

/** As many parts of one stream are on their way at most: what one connection cannot carry, eight can. */
const mostBuffers = 9

/**
 * The part buffers of one stream: two that it reserved before it started, and more while parts are on their way and the
 * budget has them to spare. What is more is given back as soon as it is no longer on its way, so that a stream
 * that waits for its two never waits longer than a part takes.
 */
export class PartBuffers {
  readonly #partSize: number
  readonly #budget: PartBudget | undefined
  readonly #idle: Buffer[] = []
  readonly #extras: Reservation[] = []

  /** @param budget from which there may be more than two; absent: never */
  constructor(partSize: number, budget: PartBudget | undefined) {
    this.#partSize = partSize
    this.#budget = budget
    for (let count = 0; count < 2; count++) this.#idle.push(this.#made())
  }

  /** An empty buffer; undefined while all are on their way and there are no more. */
  take(): Buffer | undefined {
    const idle = this.#idle.pop()
    if (idle !== undefined || this.#budget === undefined) return idle
    if (this.#extras.length + 2 >= mostBuffers) return undefined
    const extra = this.#budget.spare(this.#partSize)
    if (extra === undefined) return undefined
    this.#extras.push(extra)
    return this.#made()
  }

  /** A buffer that is no longer on its way. */
  putBack(buffer: Buffer): void {
    const extra = this.#idle.length === 0 ? undefined : this.#extras.pop()
    if (extra === undefined) {
      this.#idle.push(buffer)
      return
    }
    this.#budget?.keep(buffer)
    extra.release()
  }

  /** Ends the stream's hold on all of them; whatever was on its way has arrived or failed. */
  close(): void {
    for (const buffer of this.#idle.splice(0)) this.#budget?.keep(buffer)
    for (const extra of this.#extras.splice(0)) extra.release()
  }

  #made(): Buffer {
    return this.#budget?.kept(this.#partSize) ?? Buffer.allocUnsafeSlow(this.#partSize)
  }
}
