import type { DatabaseId } from '../../shared/model/identifiers.ts'
import { changeDatabaseState, freshState, judge } from './database-state.ts'
import { type Term, write } from './term.ts'

/** Databases judged between two turns of the loop: some milliseconds. */
const slice = 500
const page = 25

/**
 * Judges every promise anew: time passes, and a breach opens although nothing happened (P1). Judging reads
 * memory; only what changed is written, with its alert.
 */
export async function refreshProtection(term: Term): Promise<number> {
  const now = term.clock.now()
  const changed: DatabaseId[] = []
  let looked = 0
  for (const { record, state } of term.fleet.databases()) {
    if (++looked % slice === 0) await new Promise<void>(resolve => setImmediate(resolve))
    if (term.signal.aborted) return 0
    const before = state ?? freshState(record, now)
    const after = judge(record, before, now, term)
    if (
      state === undefined ||
      after.protection !== before.protection ||
      after.reason !== before.reason ||
      after.reasonDetail !== before.reasonDetail ||
      after.policyName !== before.policyName ||
      after.rpoMs !== before.rpoMs ||
      after.nextDueAt !== before.nextDueAt
    )
      changed.push(record.id)
  }
  for (let i = 0; i < changed.length; i += page)
    await write(term, 'protection', async tx => {
      for (const id of changed.slice(i, i + page))
        await changeDatabaseState(tx, id, state => state, now, term)
    })
  return changed.length
}
