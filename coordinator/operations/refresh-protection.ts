import { LoopShare } from '../../shared/clock/index.ts'
import type { DatabaseId } from '../../shared/model/identifiers.ts'
import { correctTimes, wantsCorrection } from './correct-times.ts'
import { changeDatabaseState, freshState, judge } from './database-state.ts'
import { RunCount } from './run-rates.ts'
import { policyOf } from './subject.ts'
import { type Term, write } from './term.ts'

const page = 25

/**
 * Judges every promise anew: time passes, and a breach opens although nothing happened (P1). Judging reads
 * memory; only what changed is written, with its alert. Counts on the way what was expected of the last day.
 */
export async function refreshProtection(term: Term): Promise<number> {
  const now = term.clock.now()
  const changed: DatabaseId[] = []
  const wrong: DatabaseId[] = []
  const runs = new RunCount()
  const share = new LoopShare()
  for (const { record, state } of term.fleet.databases()) {
    if (share.spent) await share.renew()
    if (term.signal.aborted) return 0
    const before = state ?? freshState(record, now)
    const policy = policyOf(record, term)
    if (wantsCorrection(before, policy, now, term)) wrong.push(record.id)
    const after = judge(record, before, now, term, policy)
    // of what is gone nothing is expected any more
    if (policy !== undefined && record.goneSince === undefined) runs.add(policy, before, now.wall)
    if (
      state === undefined ||
      after.protection !== before.protection ||
      after.reason !== before.reason ||
      after.reasonDetail !== before.reasonDetail ||
      after.policyName !== before.policyName ||
      after.rpoMs !== before.rpoMs ||
      after.nextDueAt !== before.nextDueAt ||
      after.verification?.wantedSince !== before.verification?.wantedSince ||
      after.verification?.gap?.reason !== before.verification?.gap?.reason ||
      after.verification?.gap?.detail !== before.verification?.gap?.detail
    )
      changed.push(record.id)
  }
  term.runs.replace(runs.byPolicy)
  for (let i = 0; i < changed.length; i += page)
    await write(term, 'protection', async tx => {
      for (const id of changed.slice(i, i + page))
        await changeDatabaseState(tx, id, state => state, now, term)
    })
  if (wrong.length > 0)
    term.log.warn('times were written down by a clock that was ahead; they are corrected', {
      databases: wrong.length,
    })
  for (const id of wrong) await correctTimes(id, term)
  return changed.length + wrong.length
}
