import { readFileSync } from 'node:fs'
import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { ChildRecord } from '../process/index.ts'

/**
 * For how long nothing came although something was waited for. While the uploader is busy (a slow store, a
 * throttle) nobody is silent: then the pipe is full and its stages wait for us. Pure: monotonic ms come in.
 */
export class Silence {
  #since: number
  #listening = true

  constructor(now: number) {
    this.#since = now
  }

  /** A byte moved somewhere, or the uploader asks for one again. */
  heard(now: number): void {
    this.#since = now
    this.#listening = true
  }

  /** The uploader has something to do. */
  busy(): void {
    this.#listening = false
  }

  /** Whether anybody waits for a byte. */
  get listening(): boolean {
    return this.#listening
  }

  /** How long it lasts, ms. */
  lasts(now: number): number {
    return this.#listening ? Math.max(0, now - this.#since) : 0
  }
}

/** Looks now and then, and says it once when the silence lasted for `limitMs`. */
export function watchSilence(options: {
  readonly silence: Silence
  readonly limitMs: number
  readonly clock: Clock
  readonly onSilent: () => void
}): { stop(): void } {
  const { silence, limitMs, clock, onSilent } = options
  const stopped = new AbortController()
  const watch = async () => {
    for (;;) {
      const left = limitMs - silence.lasts(clock.now().mono)
      if (left <= 0) return onSilent()
      await clock.sleep(left, stopped.signal)
    }
  }
  watch().catch(() => {}) // stopped
  return { stop: () => stopped.abort() }
}

/** pv counts every second unless it is stuck with what it wants to pass on: silent for longer, it is, ms. */
export const meterStuckAfter = 2_500

/** What the error says of a silent stream. */
export function silentError(stage: string, limitMs: number, rawBytes: number): AppError {
  return new AppError('stage.silent', {
    message: `${stage} gave no byte for ${Math.round(limitMs / 1_000)} s`,
    context: { stage, idle_timeout_ms: limitMs, raw_bytes: rawBytes },
  })
}

/**
 * Which stage it is that stands still: the last one that leaves its input lying there; else the producer, for
 * whose bytes all the others wait.
 *
 * @param stages names in the order the bytes flow
 * @param meter its name, what it passed on in bytes, and whether it is stuck with more
 */
export function silentStage(
  stages: readonly string[],
  records: readonly ChildRecord[],
  meter: { readonly name: string; readonly bytes: number; readonly stuck: boolean },
  ioOf: (pid: number) => ProcessIo | undefined = processIo,
): string {
  let silent = stages[0] ?? 'the producer'
  let given: number | undefined = meter.stuck ? Number.POSITIVE_INFINITY : meter.bytes
  for (const name of stages.slice(stages.indexOf(meter.name) + 1)) {
    const pid = records.find(record => record.name === name)?.pid
    const io = pid === undefined ? undefined : ioOf(pid)
    // what a process read of its libraries counts too: never less than what it read of its input
    if (given !== undefined && given > (io?.read ?? given)) silent = name
    given = io?.written
  }
  return silent
}

/** Bytes a process read and wrote by system calls; libraries and stderr count too. */
export interface ProcessIo {
  readonly read: number
  readonly written: number
}

function processIo(pid: number): ProcessIo | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/io`, 'utf8')
    return { read: numberOf(text, 'rchar'), written: numberOf(text, 'wchar') }
  } catch {
    return undefined
  }
}

function numberOf(text: string, name: string): number {
  return Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}
