import { readFileSync } from 'node:fs'

/** The peak resident set of this process and the children of one attempt, bytes; sampled, so a lower bound. */
export class PeakMemory {
  #pids: readonly number[] = []
  #peak = 0

  /** The children to look at from now on. */
  watch(pids: readonly number[]): void {
    this.#pids = pids
    this.sample()
  }

  /** Takes a reading; cheap, a few files of /proc. */
  sample(): void {
    let sum = process.memoryUsage.rss()
    for (const pid of this.#pids) sum += residentSetOf(pid)
    this.#peak = Math.max(this.#peak, sum)
  }

  get bytes(): number {
    return this.#peak
  }
}

function residentSetOf(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kib ?? 0) * 1_024
  } catch {
    return 0
  }
}
