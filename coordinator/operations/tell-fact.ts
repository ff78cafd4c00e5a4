import type { Millis } from '../../shared/time/index.ts'
import { recordFact } from '../alerts/index.ts'
import type { AlertFact } from '../alerts/rules/fact.ts'
import type { WriteTx } from '../store/port.ts'
import { afterCommit, type Term } from './term.ts'

/** States a fact to the alert rules, in the transaction of the change it tells of. */
export async function tellFact(tx: WriteTx, fact: AlertFact, at: Millis, term: Term): Promise<void> {
  await recordFact(tx, fact, at, term.settings.channels, () => term.newId('alert'))
  afterCommit(term, tx, () => term.wakeAlerts())
}
