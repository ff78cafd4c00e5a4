import { readFileSync } from 'node:fs'
import type { ChildRecord } from './child-record.ts'

/** Peak and present resident set of a process, bytes; zeros when it is gone. */
export function residentSetOf(pid: number): { readonly now: number; readonly peak: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return { now: kib(status, 'VmRSS'), peak: kib(status, 'VmHWM') }
  } catch {
    return { now: 0, peak: 0 }
  }
}

function kib(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1_024
}

/** The peak resident set of each of some children, by stage name; the kernel keeps the peak, we look now and then. */
export class ChildPeaks {
  readonly #peaks = new Map<string, number>()
  #records: readonly ChildRecord[] = []
  #sampledAt = Number.NEGATIVE_INFINITY

  watch(records: readonly ChildRecord[]): void {
    this.#records = records
    this.sample()
  }

  /** Looks, at most twice a second. */
  glance(): void {
    if (performance.now() - this.#sampledAt >= 500) this.sample()
  }

  sample(): void {
    this.#sampledAt = performance.now()
    for (const { name, pid } of this.#records) {
      const { peak } = residentSetOf(pid)
      if (peak > (this.#peaks.get(name) ?? 0)) this.#peaks.set(name, peak)
    }
  }

  /** Bytes; undefined when it was never seen alive. */
  of(name: string): number | undefined {
    return this.#peaks.get(name)
  }
}
