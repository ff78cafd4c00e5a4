import type { Millis } from '../../shared/time/index.ts'
import { type Term, write } from './term.ts'

interface Fold {
  readonly actor: string
  readonly reason: string
  readonly minute: number
  count: number
  subject: string
}

const minute = 60_000
/** More identities at a time than any honest fleet has refusals; the rest is counted together. */
const bound = 1_000

/**
 * Refusals at the door: audit events of class `security`, folded per (identity, reason, minute), so that a
 * flood fills neither store nor history (J8, facts A10). The first of a fold is written at once, the others
 * as one event when the minute is over.
 */
export class SecurityAudit {
  readonly #term: () => Term | undefined
  readonly #folds = new Map<string, Fold>()
  #total = 0

  constructor(term: () => Term | undefined) {
    this.#term = term
  }

  /** Refusals since the process began. */
  get total(): number {
    return this.#total
  }

  /** @param actor who did it, as far as that is established: `agent:agt_…`, an address */
  refused(actor: string, reason: string, subject: string, at: Millis): void {
    this.#total++
    const now = Math.floor(at / minute)
    const crowded = this.#folds.size >= bound && !this.#folds.has(`${actor}/${reason}`)
    const key = crowded ? 'others' : `${actor}/${reason}`
    const fold = this.#folds.get(key)
    if (fold !== undefined && fold.minute === now) {
      fold.count++
      fold.subject = subject
      return
    }
    if (fold !== undefined) this.#flushOne(fold, at)
    const name = crowded ? { actor: 'others', reason: 'many' } : { actor, reason }
    this.#folds.set(key, { ...name, minute: now, count: 0, subject })
    this.#append(name.actor, name.reason, subject, 1, at)
  }

  /** Writes the folds whose minute is over. */
  flush(at: Millis): void {
    for (const [key, fold] of this.#folds)
      if (fold.minute < Math.floor(at / minute)) {
        this.#flushOne(fold, at)
        this.#folds.delete(key)
      }
  }

  #flushOne(fold: Fold, at: Millis): void {
    if (fold.count > 0) this.#append(fold.actor, fold.reason, fold.subject, fold.count, at)
  }

  #append(actor: string, reason: string, subject: string, count: number, at: Millis): void {
    const term = this.#term()
    if (term === undefined) return
    write(term, 'security-audit', async tx => {
      await tx.audit.append({
        at,
        class: 'security',
        actor,
        action: 'refused',
        subject,
        reason,
        detail: { count },
      })
      await tx.counters.add('security.refused', count)
    }).catch((error: unknown) => term.log.warn('a refusal was not audited', { error, actor, reason }))
  }
}
