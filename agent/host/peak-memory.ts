import { residentSetOf } from '../process/index.ts'

/** Peak resident sets of this process and the children of one attempt, bytes; sampled, so lower bounds. */
export class PeakMemory {
  #pids: readonly number[] = []
  #agent = 0
  #children = 0
  #total = 0

  /** The children to look at from now on. */
  watch(pids: readonly number[]): void {
    this.#pids = pids
    this.sample()
  }

  /** Takes a reading; cheap, a few files of /proc. */
  sample(): void {
    const agent = process.memoryUsage.rss()
    const children = this.#pids.reduce((sum, pid) => sum + residentSetOf(pid).now, 0)
    this.#agent = Math.max(this.#agent, agent)
    this.#children = Math.max(this.#children, children)
    this.#total = Math.max(this.#total, agent + children)
  }

  /** Of all at one moment. */
  get bytes(): number {
    return this.#total
  }

  get peaks(): { readonly agent: number; readonly children: number; readonly total: number } {
    return { agent: this.#agent, children: this.#children, total: this.#total }
  }
}
