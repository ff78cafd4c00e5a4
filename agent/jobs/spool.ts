import { join } from 'node:path'
import { z } from 'zod'
import type { Log } from '../../shared/log/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import { DurableFolder } from '../identity/index.ts'
import { type AttemptResult, attemptResultSchema } from './result.ts'
import { readEntries } from './set-aside.ts'

/** What the coordinator said to a result (J12). */
export type Disposition = 'recorded' | 'surplus' | 'rejected'

const keptSchema = z.object({
  result: attemptResultSchema,
  disposition: z.enum(['recorded', 'surplus', 'rejected']),
  reason: z.string(),
  incarnation: z.string(),
  acknowledged_at: z.int(),
})
type Kept = z.infer<typeof keptSchema>

/** How long acknowledged results stay, for a store that is restored from its own backup (facts-runtime §6 A5). */
export const keepAcknowledgedFor = 14 * 86_400_000

/**
 * Results on their way to the coordinator. `spool/` holds what was not acknowledged, `spool/acked/` what was
 * recorded or surplus, for 14 days, `spool/rejected/` what the coordinator would not take, for people.
 */
export class Spool {
  readonly #pending: DurableFolder
  readonly #acked: DurableFolder
  readonly #rejected: DurableFolder
  readonly #results: Map<string, AttemptResult>
  readonly #kept: Map<string, Kept>
  #rejectedCount: number
  /** Answered in the life of this process. */
  readonly #answered = new Set<string>()

  private constructor(
    folders: {
      readonly pending: DurableFolder
      readonly acked: DurableFolder
      readonly rejected: DurableFolder
    },
    results: readonly AttemptResult[],
    kept: readonly Kept[],
    rejectedCount: number,
  ) {
    this.#pending = folders.pending
    this.#acked = folders.acked
    this.#rejected = folders.rejected
    this.#results = new Map(results.map(each => [each.result_id, each]))
    this.#kept = new Map(kept.map(each => [each.result.result_id, each]))
    this.#rejectedCount = rejectedCount
  }

  /** Opens the spool of a state folder; what is older than 14 days and acknowledged goes. */
  static async open(state: string, now: Millis, log: Log): Promise<Spool> {
    const pending = await DurableFolder.open(join(state, 'spool'))
    const acked = await DurableFolder.open(join(state, 'spool', 'acked'))
    const rejected = await DurableFolder.open(join(state, 'spool', 'rejected'))
    const aside = await DurableFolder.open(join(state, 'aside'))
    const named = (name: string, result: AttemptResult): void => {
      if (name !== fileOf(result.result_id)) throw new Error('the name is not that of its result')
    }
    const results = await readEntries(
      pending,
      aside,
      (name, content) => {
        const result = attemptResultSchema.parse(content)
        named(name, result)
        return result
      },
      log,
    )
    const kept = await readEntries(
      acked,
      aside,
      (name, content) => {
        const entry = keptSchema.parse(content)
        named(name, entry.result)
        return entry
      },
      log,
    )
    const spool = new Spool({ pending, acked, rejected }, results, kept, (await rejected.names()).length)
    // acknowledged and still pending: died between the two steps of an acknowledgement, which counts
    for (const { result } of kept)
      if (spool.#results.delete(result.result_id)) await pending.remove(fileOf(result.result_id))
    await spool.sweep(now)
    return spool
  }

  /**
   * Takes a result in; on return it cannot be lost any more. Should the disk not take it, it is held in
   * memory and may be sent all the same; an answer to it then ends the matter, so that adding it again is done.
   */
  async add(result: AttemptResult): Promise<void> {
    if (this.#kept.has(result.result_id) || this.#answered.has(result.result_id)) return
    this.#results.set(result.result_id, result)
    await this.#pending.write(fileOf(result.result_id), `${JSON.stringify(result)}\n`)
  }

  /** Results without an answer, oldest first. */
  pending(): readonly AttemptResult[] {
    return [...this.#results.values()].sort((a, b) => a.ended_at - b.ended_at)
  }

  /** The result of an attempt, acknowledged or not, if there is one. */
  ofAttempt(attemptId: string): AttemptResult | undefined {
    for (const result of this.#results.values()) if (result.attempt.attempt_id === attemptId) return result
    for (const { result } of this.#kept.values()) if (result.attempt.attempt_id === attemptId) return result
    return undefined
  }

  /** The store incarnation that last answered; empty at first. */
  get lastIncarnation(): string {
    let last: Kept | undefined
    for (const kept of this.#kept.values())
      if (last === undefined || kept.acknowledged_at >= last.acknowledged_at) last = kept
    return last?.incarnation ?? ''
  }

  /** How many wait for an answer, and how many were rejected, for people and metrics. */
  get size(): { readonly pending: number; readonly acknowledged: number; readonly rejected: number } {
    return { pending: this.#results.size, acknowledged: this.#kept.size, rejected: this.#rejectedCount }
  }

  /**
   * Takes an answer. Recorded and surplus results are kept for other incarnations, rejected ones apart, else
   * an agent resends for ever. Returns false for a result that is not waiting.
   */
  async acknowledge(
    resultId: string,
    answer: { readonly disposition: Disposition; readonly reason: string; readonly incarnation: string },
    now: Millis,
  ): Promise<AttemptResult | undefined> {
    const result = this.#results.get(resultId)
    if (result === undefined) return undefined
    const kept: Kept = { result, ...answer, acknowledged_at: now }
    const to = answer.disposition === 'rejected' ? this.#rejected : this.#acked
    await to.write(fileOf(resultId), `${JSON.stringify(kept)}\n`)
    this.#answered.add(resultId)
    await this.#pending.remove(fileOf(resultId))
    this.#results.delete(resultId)
    if (answer.disposition === 'rejected') this.#rejectedCount++
    else this.#kept.set(resultId, kept)
    return result
  }

  /**
   * A store of another incarnation was met: what was acknowledged by a former one is pending again, for the
   * new store may have lost it. Result ids make that harmless. Returns how many.
   */
  async reviveFor(incarnation: string): Promise<number> {
    let revived = 0
    for (const { result, incarnation: former } of [...this.#kept.values()]) {
      if (former === incarnation) continue
      await this.#pending.write(fileOf(result.result_id), `${JSON.stringify(result)}\n`)
      this.#results.set(result.result_id, result)
      this.#answered.delete(result.result_id)
      await this.#acked.remove(fileOf(result.result_id))
      this.#kept.delete(result.result_id)
      revived++
    }
    return revived
  }

  /** Drops acknowledged results older than 14 days. */
  async sweep(now: Millis): Promise<void> {
    for (const [id, kept] of this.#kept) {
      if (now - kept.acknowledged_at < keepAcknowledgedFor) continue
      await this.#acked.remove(fileOf(id))
      this.#kept.delete(id)
    }
  }
}

function fileOf(resultId: string): string {
  return `${encodeURIComponent(resultId).replaceAll('.', '%2E')}.json`
}
