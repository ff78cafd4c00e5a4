import { canonicalJson, genesis, seal } from '../../audit/chain.ts'
import type { WriteTx } from '../port.ts'
import type { AuditEntry, AuditRecord } from '../records.ts'
import type { Step } from '../step.ts'
import { totals } from '../totals.ts'

/** The audit inside a step: appended to the end of the chain, with the transaction. */
export function auditWrites(step: Step): WriteTx['audit'] {
  return {
    // One after the other, even when a step does not await each: two rows must not follow the same head
    append: entry => {
      const appended = step.audit.then(() => append(step, entry))
      step.audit = appended.catch(() => undefined)
      return appended
    },
  }
}

async function append(step: Step, entry: AuditEntry): Promise<AuditRecord> {
  const head =
    step.auditHead ??
    (await step.q
      .selectFrom('audit')
      .select(['seq', 'hash'])
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst()) ??
    genesis
  const record = seal(entry, head)
  const { prevHash, detail, ...row } = record
  await step.q
    .insertInto('audit')
    .values({ ...row, detail: canonicalJson(detail), prev_hash: prevHash })
    .execute()
  step.auditHead = { seq: record.seq, hash: record.hash }
  step.add(totals.audit, 1)
  return record
}
