import { AppError } from '../../shared/errors/index.ts'
import type { ReadModel } from '../store/port.ts'
import type { AuditRecord } from '../store/records.ts'
import { type ChainHead, genesis, hashOf } from './chain.ts'

const rowsAtOnce = 500

/** What an examination of the chain found; `seq` is the row a person should look at. */
export type ChainVerdict =
  | { readonly intact: true; readonly rows: number; readonly head: ChainHead }
  | {
      readonly intact: false
      readonly seq: number
      readonly problem: 'changed' | 'removed' | 'inserted'
      readonly detail: string
    }

/** What the chain is read from: the store's read model. */
export type ChainSource = Pick<ReadModel, 'auditFrom' | 'auditTotal'>

/**
 * Walks the whole chain in pages, giving way to the event loop between them. Finds a row that was changed,
 * removed or inserted, at the end too: the store counts its rows apart. A chain rewritten from some row to its
 * end, count included, is found only by an `anchor`: a head that was kept elsewhere.
 */
export async function verifyChain(source: ChainSource, anchor?: ChainHead): Promise<ChainVerdict> {
  const countedBefore = await source.auditTotal()
  let head = genesis
  for (;;) {
    const rows = await source.auditFrom(head.seq, rowsAtOnce)
    for (const row of rows) {
      const broken = examine(row, head)
      if (broken !== undefined) return broken
      head = { seq: row.seq, hash: row.hash }
      if (anchor?.seq === row.seq && anchor.hash !== row.hash)
        return found(row.seq, 'changed', 'the chain up to here is not the one that was anchored')
    }
    if (rows.length === 0) break
    await new Promise<void>(resolve => setImmediate(resolve))
  }
  const countedAfter = await source.auditTotal()
  if (head.seq < Math.max(countedBefore, anchor?.seq ?? 0))
    return found(head.seq + 1, 'removed', 'the chain ends before its last row')
  if (head.seq > countedAfter)
    return found(countedAfter + 1, 'inserted', 'the chain has more rows than were appended')
  return { intact: true, rows: head.seq, head }
}

/** @throws AppError `audit.broken` for a chain that is not intact */
export function assertIntact(
  verdict: ChainVerdict,
): asserts verdict is Extract<ChainVerdict, { intact: true }> {
  if (verdict.intact) return
  const { seq, problem, detail } = verdict
  throw new AppError('audit.broken', {
    message: `the audit chain is broken at row ${seq}: ${problem}`,
    context: { seq, problem, detail },
  })
}

function examine(row: AuditRecord, head: ChainHead): ChainVerdict | undefined {
  const expected = head.seq + 1
  if (row.seq !== expected) return found(expected, 'removed', `row ${row.seq} follows row ${head.seq}`)
  if (hashIfAny(row) !== row.hash) return found(row.seq, 'changed', 'its hash does not fit its content')
  if (row.prevHash === head.hash) return undefined
  return head.seq === 0
    ? found(row.seq, 'changed', 'the first row names a row before it')
    : found(head.seq, 'changed', `row ${row.seq} names another hash for it`)
}

/** A row that cannot be hashed was not written by us. */
function hashIfAny(row: AuditRecord): string | undefined {
  try {
    return hashOf(row)
  } catch {
    return undefined
  }
}

function found(seq: number, problem: 'changed' | 'removed' | 'inserted', detail: string): ChainVerdict {
  return { intact: false, seq, problem, detail }
}
