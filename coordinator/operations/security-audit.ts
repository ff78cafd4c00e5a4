import type { Millis } from '../../shared/time/index.ts'
import { foldSecurity, type SecurityFold } from '../audit/index.ts'
import type { AuditEntry } from '../store/records.ts'
import { type Term, write } from './term.ts'

/**
 * Refusals at the door: audit events of class `security`, folded so that a flood fills neither store nor
 * history (`audit/fold-security.ts`). Only the leader writes; what a standby refuses is counted in its metrics.
 */
export class SecurityAudit {
  readonly #term: () => Term | undefined
  readonly #fold: SecurityFold = foldSecurity()

  constructor(term: () => Term | undefined) {
    this.#term = term
  }

  /** @param actor who did it, as far as that is established: `agent:agt_…`, an address */
  refused(actor: string, reason: string, subject: string, at: Millis): void {
    const entry = this.#fold.note({ at, identity: actor, reason, subject })
    if (entry !== undefined) this.#append(entry, 1)
  }

  /** Writes the folds whose minute is over. */
  flush(at: Millis): void {
    // their count says how many there were in all; the first was written and counted when it came
    for (const entry of this.#fold.due(at)) this.#append(entry, Number(entry.detail['count']) - 1)
  }

  #append(entry: AuditEntry, more: number): void {
    const term = this.#term()
    if (term === undefined) return
    write(term, 'security-audit', async tx => {
      await tx.audit.append(entry)
      await tx.counters.add('security.refused', more)
    }).catch((error: unknown) =>
      term.log.warn('a refusal was not audited', { error, actor: entry.actor, reason: entry.reason }),
    )
  }
}
