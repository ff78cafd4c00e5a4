import { abortCause } from '../process/index.ts'

/** Bytes held until released; releasing twice is harmless. */
export interface Reservation {
  readonly bytes: number
  release(): void
}

interface Waiting {
  readonly bytes: number
  readonly grant: () => void
}

/**
 * The memory for part buffers of the whole agent, bytes. A stream reserves both of its buffers at once,
 * before it starts, and holds nothing while it waits: streams that each hold one buffer and wait for another
 * would deadlock. Granted strictly in the order of asking, so that a large one never starves.
 */
export class PartBudget {
  readonly total: number
  #free: number
  readonly #queue: Waiting[] = []

  /** @param total bytes */
  constructor(total: number) {
    if (!Number.isSafeInteger(total) || total <= 0) throw new RangeError('a part budget needs bytes')
    this.total = total
    this.#free = total
  }

  /** Bytes not reserved now. */
  get free(): number {
    return this.#free
  }

  /**
   * Waits for `bytes`. More than the whole budget is granted alone, as the whole budget. Rejects with the
   * signal's cause when aborted while waiting.
   */
  reserve(bytes: number, signal: AbortSignal): Promise<Reservation> {
    const amount = Math.min(bytes, this.total)
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(abortCause(signal))
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1)
        reject(abortCause(signal))
        this.#grant()
      }
      const waiting: Waiting = {
        bytes: amount,
        grant: () => {
          signal.removeEventListener('abort', onAbort)
          this.#free -= amount
          let held = true
          const release = () => {
            if (!held) return
            held = false
            this.#free += amount
            this.#grant()
          }
          resolve({ bytes: amount, release })
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(waiting)
      this.#grant()
    })
  }

  #grant(): void {
    for (let head = this.#queue[0]; head !== undefined && head.bytes <= this.#free; head = this.#queue[0]) {
      this.#queue.shift()
      head.grant()
    }
  }
}
