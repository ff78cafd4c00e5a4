import type { Clock } from '../../../shared/clock/index.ts'
import type { AppError } from '../../../shared/errors/index.ts'
import type { ObjectStore } from '../../../shared/object-store/port.ts'
import type { Duration } from '../../../shared/time/index.ts'

/** A destination as the fan-out writes to it. */
export interface FanOutTarget {
  /** Name of the destination; names differ. */
  readonly name: string
  readonly store: ObjectStore
}

/**
 * One destination of a fan-out and how long it has held the others up: the time during which enough others had
 * taken what the writer waits for, added up over all streams, each moment once.
 */
export class Site implements FanOutTarget {
  readonly name: string
  readonly store: ObjectStore
  /** Aborted when it is given up. */
  readonly stop = new AbortController()
  /** Resolves when it is given up. */
  readonly gone: Promise<void>
  readonly #clock: Clock
  readonly #patience: Duration
  readonly #onOutOfPatience: (heldFor: Duration) => void
  #error: AppError | undefined
  #holds = 0
  #since = 0
  #heldFor = 0
  #timer: AbortController | undefined

  constructor(
    target: FanOutTarget,
    options: {
      readonly clock: Clock
      readonly patience: Duration
      readonly onOutOfPatience: (site: Site, heldFor: Duration) => void
    },
  ) {
    this.name = target.name
    this.store = target.store
    this.#clock = options.clock
    this.#patience = options.patience
    this.#onOutOfPatience = heldFor => options.onOutOfPatience(this, heldFor)
    this.gone = new Promise(resolve => {
      this.stop.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /** Why it was given up; undefined while it takes part. */
  get error(): AppError | undefined {
    return this.#error
  }

  get active(): boolean {
    return this.#error === undefined
  }

  /** Takes no part any more. */
  giveUp(error: AppError): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#timer?.abort()
    this.stop.abort(error)
  }

  /** From now on it holds a writer up, until the answer is called. */
  hold(): () => void {
    if (this.#holds++ === 0) this.#begin()
    let held = true
    return () => {
      if (!held) return
      held = false
      if (--this.#holds === 0) this.#end()
    }
  }

  #begin(): void {
    this.#since = this.#clock.now().mono
    const timer = new AbortController()
    this.#timer = timer
    this.#clock.sleep(Math.max(0, this.#patience - this.#heldFor), timer.signal).then(
      () => this.#onOutOfPatience(this.#heldFor + this.#clock.now().mono - this.#since),
      () => {},
    )
  }

  #end(): void {
    this.#timer?.abort()
    this.#timer = undefined
    this.#heldFor += this.#clock.now().mono - this.#since
  }
}
