import type { Millis } from '../../shared/time/index.ts'
import { recordContext, recordFact } from '../alerts/index.ts'
import type { AlertFact } from '../alerts/rules/fact.ts'
import type { WriteTx } from '../store/port.ts'
import { afterCommit, type Term } from './term.ts'

/** States a fact to the alert rules, in the transaction of the change it tells of. */
export async function tellFact(tx: WriteTx, fact: AlertFact, at: Millis, term: Term): Promise<void> {
  const outcome = await recordFact(tx, fact, at, contextOf(term, at))
  if (outcome !== 'unchanged') afterCommit(term, tx, () => term.wakeAlerts())
}

/** What facts are recorded with in a term: its rules, and its book of open alerts. */
export function contextOf(term: Term, at: Millis) {
  const context = recordContext(
    { book: term.alerts, rules: term.settings.alerts, newAlertId: () => term.newId('alert') },
    at,
  )
  return {
    ...context,
    committed: (alert: Parameters<typeof context.committed>[0]) => {
      if (!term.signal.aborted) context.committed(alert)
    },
  }
}
