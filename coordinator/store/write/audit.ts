import { genesis, seal } from '../../audit/chain.ts'
import type { WriteTx } from '../port.ts'
import { prepared } from '../prepared.ts'
import type { AuditEntry, AuditRecord } from '../records.ts'
import type { Step } from '../step.ts'
import { totals } from '../totals.ts'

const end = prepared<object, { readonly seq: number; readonly hash: string }>([], db =>
  db.selectFrom('audit').select(['seq', 'hash']).orderBy('seq', 'desc').limit(1),
)

/** The audit inside a step: tied to the end of the chain there and then, written with the batch. */
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
  step.assertOpen()
  const head = step.auditHead ?? (await step.first(end, {})) ?? genesis
  const record = seal(entry, head)
  step.auditHead = { seq: record.seq, hash: record.hash }
  step.auditRows.push(record)
  step.add(totals.audit, 1)
  return record
}
