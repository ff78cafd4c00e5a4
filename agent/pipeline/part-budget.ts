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
 * would deadlock. Granted strictly in the order of asking, so that a large one never starves. What nobody reserves
 * and nobody waits for can be had as spare, for parts on their way.
 *
 * Buffers that were given back are kept for the next stream: memory outside the heap that comes and goes costs
 * collections. Those kept count as free, and are let go when what is reserved needs their room.
 */
export class PartBudget {
  readonly total: number
  #free: number
  readonly #queue: Waiting[] = []
  readonly #kept: Buffer[] = []

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
          resolve(this.#held(amount))
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(waiting)
      this.#grant()
    })
  }

  /**
   * So many bytes at once, when they are free and nobody waits for his; else nothing.
   *
   * @param leave what must stay free besides, bytes
   */
  spare(bytes: number, leave = 0): Reservation | undefined {
    return this.#queue.length > 0 || bytes + leave > this.#free ? undefined : this.#held(bytes)
  }

  /** A buffer of exactly this size that was kept. */
  kept(bytes: number): Buffer | undefined {
    const index = this.#kept.findIndex(({ length }) => length === bytes)
    return index < 0 ? undefined : this.#kept.splice(index, 1)[0]
  }

  /** Keeps a buffer that nobody uses any more. Call before its reservation is released. */
  keep(buffer: Buffer): void {
    this.#kept.push(buffer)
  }

  #held(bytes: number): Reservation {
    this.#free -= bytes
    this.#fit()
    let held = true
    const release = () => {
      if (!held) return
      held = false
      this.#free += bytes
      this.#fit()
      this.#grant()
    }
    return { bytes, release }
  }

  /** What is kept fits into what is free. */
  #fit(): void {
    let size = this.#kept.reduce((sum, { length }) => sum + length, 0)
    while (size > this.#free) size -= this.#kept.shift()?.length ?? size
  }

  #grant(): void {
    for (let head = this.#queue[0]; head !== undefined && head.bytes <= this.#free; head = this.#queue[0]) {
      this.#queue.shift()
      head.grant()
    }
  }
}
