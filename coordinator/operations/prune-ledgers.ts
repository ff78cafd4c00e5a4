import { type LedgerRule, ledgersDue } from '../retention/ledgers.ts'
import { type Term, write } from './term.ts'

/** Rows of one step: it holds the event loop on SQLite. */
const page = 500

/**
 * Removes bookkeeping that is past its time (`retention/ledgers.ts`), page by page, with turns of the loop
 * between the pages. Whatever was not finished is for the next time.
 */
export async function pruneLedgers(term: Term): Promise<number> {
  let removed = 0
  for (const { ledger, before } of ledgersDue(term.clock.now().wall))
    removed += await prune(ledger, before, term)
  if (removed > 0) term.log.info('old bookkeeping removed', { rows: removed })
  return removed
}

async function prune(ledger: LedgerRule['ledger'], before: number, term: Term): Promise<number> {
  let removed = 0
  let after = 0
  while (!term.signal.aborted) {
    const found = await write(term, 'prune', async tx => {
      if (ledger === 'decisions') return tx.prune.decisions({ before, limit: page, after })
      const taken = await tx.prune[ledger]({ before, limit: page })
      return { removed: taken, ...(taken < page ? {} : { next: 0 }) }
    })
    removed += found.removed
    if (found.next === undefined) break
    after = found.next
  }
  return removed
}
