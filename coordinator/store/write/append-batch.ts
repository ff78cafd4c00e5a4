import { sql } from 'kysely'
import { canonicalJson } from '../../audit/chain.ts'
import { encode } from '../decode.ts'
import { Prepared, pieces } from '../prepared.ts'
import type { Schema } from '../schema.ts'
import type { Session } from '../session.ts'
import type { BatchState } from '../step.ts'

const auditRows = new Prepared<Schema['audit'], unknown>(
  ['seq', 'at', 'class', 'actor', 'action', 'subject', 'reason', 'detail', 'prev_hash', 'hash'],
  (db, rows) => db.insertInto('audit').values([...rows]),
)

const decisionRows = new Prepared<Omit<Schema['decisions'], 'seq'>, unknown>(
  ['job_id', 'format', 'record'],
  (db, rows) => db.insertInto('decisions').values([...rows]),
)

const sums = new Prepared<Schema['counters'], unknown>(['name', 'value'], (db, rows) =>
  db
    .insertInto('counters')
    .values([...rows])
    .onConflict(oc => oc.column('name').doUpdateSet({ value: sql<number>`counters.value + excluded.value` })),
)

/** What a batch leaves to its end: rows that no step reads, and sums. In this order, before the commit. */
export function appendBatch(
  session: Session,
  { dialect: { kind }, audit, decisions, sums: added }: BatchState,
): readonly (() => Promise<unknown>)[] {
  const audited = audit.map(({ prevHash, detail, ...row }) => ({
    ...row,
    detail: canonicalJson(detail),
    prev_hash: prevHash,
  }))
  const decided = decisions.map(decision => ({ job_id: decision.jobId, ...encode(decision) }))
  const counted = [...added].map(([name, value]) => ({ name, value }))
  return [
    ...pieces(audited).map(rows => () => auditRows.run(session, kind, rows)),
    ...pieces(decided).map(rows => () => decisionRows.run(session, kind, rows)),
    ...pieces(counted).map(rows => () => sums.run(session, kind, rows)),
  ]
}
