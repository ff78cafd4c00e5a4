import type { Clock } from '../../shared/clock/index.ts'
import type { Duration } from '../../shared/time/index.ts'
import type { DiskReading } from './disks.ts'
import { type LinkCounters, type LinkRate, ratesOf } from './network.ts'
import type { PressureReading } from './pressure.ts'

/** How the host fares at one moment. */
export interface HostReading {
  readonly disks: readonly DiskReading[]
  readonly links: readonly LinkRate[]
  /** Undefined: the kernel tells none. */
  readonly pressure: PressureReading | undefined
  readonly load1: number
  readonly cores: number
  readonly memoryAvailableBytes: number
}

/** What is asked for a reading; none of it rejects. */
export interface HostSenses {
  disks(): Promise<readonly DiskReading[]>
  counters(): Promise<readonly LinkCounters[]>
  pressure(): Promise<PressureReading | undefined>
  load1(): number
  cores(): number
  memoryAvailableBytes(): number
}

/** How often the host is looked at, ms: some files of /proc and a statfs for each disk. */
const lookEvery: Duration = 5_000

/** Looks at the host now and then, so that a heartbeat tells it without waiting for anything. */
export class HostWatch {
  readonly #senses: HostSenses
  readonly #clock: Clock
  readonly #every: Duration
  readonly #onReading: (reading: HostReading) => void
  #counters: { readonly at: number; readonly values: readonly LinkCounters[] } | undefined
  #latest: HostReading | undefined

  constructor(options: {
    readonly senses: HostSenses
    readonly clock: Clock
    readonly every?: Duration
    readonly onReading?: (reading: HostReading) => void
  }) {
    this.#senses = options.senses
    this.#clock = options.clock
    this.#every = options.every ?? lookEvery
    this.#onReading = options.onReading ?? (() => {})
  }

  /** The newest reading; undefined before the first. */
  get latest(): HostReading | undefined {
    return this.#latest
  }

  /** Looks once. */
  async look(): Promise<void> {
    const senses = this.#senses
    const [disks, values, pressure] = await Promise.all([
      senses.disks(),
      senses.counters(),
      senses.pressure(),
    ])
    const at = this.#clock.now().mono
    const before = this.#counters
    this.#counters = { at, values }
    this.#latest = {
      disks,
      links: before === undefined ? [] : ratesOf(before.values, values, at - before.at),
      pressure,
      load1: senses.load1(),
      cores: senses.cores(),
      memoryAvailableBytes: senses.memoryAvailableBytes(),
    }
    this.#onReading(this.#latest)
  }

  /** Looks until the signal ends it. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look()
      await this.#clock.sleep(this.#every, signal).catch(() => {})
    }
  }
}
