import { setImmediate as turn } from 'node:timers/promises'
import { AppError } from '../../shared/errors/index.ts'
import type { ReadModel } from '../store/port.ts'
import type { AuditRecord } from '../store/records.ts'
import { type ChainHead, genesis, hashOf } from './chain.ts'

const rowsAtOnce = 500

/** What an examination of the chain found: how many rows fit, and the last of them. */
export type ChainVerdict = {
  readonly checked: number
  readonly headSeq: number
  readonly headHash: string
} & (
  | { readonly intact: true }
  | {
      readonly intact: false
      /** The row a person should look at. */
      readonly brokenSeq: number
      readonly problem: ChainProblem
      readonly detail: string
    }
)

export type ChainProblem = 'changed' | 'removed' | 'inserted'

/** What the chain is read from: the store's read model. */
export type ChainSource = Pick<ReadModel, 'auditFrom' | 'auditTotal'>

/**
 * Walks the whole chain in pages, giving way to the event loop between them. Finds a row that was changed,
 * removed or inserted, at the end too: the store counts its rows apart. A chain rewritten from some row to its
 * end, count included, is found only by `anchors`: heads that were kept elsewhere. What it tells then is the first
 * anchor that does not fit and the last one that does: the row that was changed is between them.
 */
export async function verifyChain(
  source: ChainSource,
  anchors: readonly ChainHead[] = [],
): Promise<ChainVerdict> {
  const anchored = new Anchored(anchors)
  const countedBefore = await source.auditTotal()
  let head = genesis
  let broken: Break | undefined
  while (broken === undefined) {
    const rows = await source.auditFrom(head.seq, rowsAtOnce)
    if (rows.length === 0) {
      broken = examineEnd(
        head,
        Math.max(countedBefore, anchored.newest),
        anchored.newest,
        await source.auditTotal(),
      )
      break
    }
    for (const row of rows) {
      broken = examine(row, head, anchored)
      if (broken !== undefined) break
      head = { seq: row.seq, hash: row.hash }
    }
    await turn()
  }
  const walked = { checked: head.seq, headSeq: head.seq, headHash: head.hash }
  return broken === undefined ? { intact: true, ...walked } : { intact: false, ...broken, ...walked }
}

/** @throws AppError `audit.broken` for a chain that is not intact */
export function assertIntact(verdict: ChainVerdict): void {
  if (verdict.intact) return
  const { brokenSeq, problem, detail } = verdict
  throw new AppError('audit.broken', {
    message: `the audit chain is broken at row ${brokenSeq}: ${problem}`,
    context: { seq: brokenSeq, problem, detail },
  })
}

interface Break {
  readonly brokenSeq: number
  readonly problem: ChainProblem
  readonly detail: string
}

function examine(row: AuditRecord, head: ChainHead, anchored: Anchored): Break | undefined {
  if (row.seq !== head.seq + 1)
    return breakAt(head.seq + 1, 'removed', `row ${row.seq} follows row ${head.seq}`)
  if (hashIfAny(row) !== row.hash) return breakAt(row.seq, 'changed', 'its hash does not fit its content')
  if (row.prevHash !== head.hash)
    return head.seq === 0
      ? breakAt(row.seq, 'changed', 'the first row names a row before it')
      : breakAt(head.seq, 'changed', `row ${row.seq} names another hash for it`)
  if (!anchored.fits(row)) {
    const fitting = anchored.lastFitting
    return breakAt(
      row.seq,
      'changed',
      `the chain up to here is not the one that was anchored; rows from ${fitting + 1} on were rewritten`,
    )
  }
  return undefined
}

/** Heads that were kept elsewhere, as the walk comes by them. */
class Anchored {
  readonly newest: number
  readonly #hashes = new Map<number, Set<string>>()
  /** The last row that was as its anchor says; 0: none yet. */
  lastFitting = 0

  constructor(anchors: readonly ChainHead[]) {
    let newest = 0
    for (const { seq, hash } of anchors) {
      newest = Math.max(newest, seq)
      this.#hashes.set(seq, (this.#hashes.get(seq) ?? new Set()).add(hash))
    }
    this.newest = newest
  }

  /** Two different anchors of one row cannot both fit: somebody made a second chain. */
  fits({ seq, hash }: AuditRecord): boolean {
    const hashes = this.#hashes.get(seq)
    if (hashes === undefined) return true
    if (hashes.size > 1 || !hashes.has(hash)) return false
    this.lastFitting = seq
    return true
  }
}

function examineEnd(head: ChainHead, atLeast: number, anchored: number, atMost: number): Break | undefined {
  if (head.seq < anchored)
    return breakAt(head.seq + 1, 'removed', `the chain ends here; rows up to ${anchored} were anchored`)
  if (head.seq < atLeast) return breakAt(head.seq + 1, 'removed', 'the chain ends before its last row')
  if (head.seq > atMost) return breakAt(atMost + 1, 'inserted', 'the chain has more rows than were appended')
  return undefined
}

/** A row that cannot be hashed was not written by us. */
function hashIfAny(row: AuditRecord): string | undefined {
  try {
    return hashOf(row)
  } catch {
    return undefined
  }
}

function breakAt(brokenSeq: number, problem: ChainProblem, detail: string): Break {
  return { brokenSeq, problem, detail }
}
