import { setImmediate as turn } from 'node:timers/promises'
import type { Duration } from '../time/index.ts'

/** As long as the writer holds the loop between two steps: several looks at a time must not add up to a late heartbeat. */
const usual: Duration = 4

/**
 * The time one long look may hold the event loop before others get their turn. By time and not by count: what an item
 * costs depends on the item, and on who else has the processor.
 *
 *     const share = new LoopShare()
 *     for (const each of everything) {
 *       if (share.spent) await share.renew()
 *       …
 *     }
 */
export class LoopShare {
  readonly #length: Duration
  #since = performance.now()

  /** @param length ms */
  constructor(length: Duration = usual) {
    this.#length = length
  }

  get spent(): boolean {
    return performance.now() - this.#since > this.#length
  }

  /** Resolves after the loop has turned. */
  async renew(): Promise<void> {
    await turn()
    this.#since = performance.now()
  }
}
