import { AppError } from '../../shared/errors/index.ts'
import type { ChainHead } from '../audit/chain.ts'
import type { Dialect } from './dialect.ts'
import type { Prepared } from './prepared.ts'
import type { AuditRecord, DecisionRecord } from './records.ts'
import type { Database } from './schema.ts'
import type { Session } from './session.ts'

/** What the steps of one batch share and leave behind: written once, at its end. */
export interface BatchState {
  readonly dialect: Dialect
  /** Sums for the `counters` table, by name. */
  readonly sums: Map<string, number>
  /** The end of the audit chain as of the last good step; read from the table at the first append of a term. */
  auditHead: ChainHead | undefined
  /** Rows that are appended and that no step reads: in one go, when all steps are done. */
  readonly audit: AuditRecord[]
  readonly decisions: DecisionRecord[]
}

/** A batch that has done nothing yet. */
export function newBatch(dialect: Dialect, auditHead: ChainHead | undefined): BatchState {
  return { dialect, sums: new Map(), auditHead, audit: [], decisions: [] }
}

/**
 * One step's view of the transaction. What it appends, its sums, chain head and effects reach the batch only when it
 * ended well; after its end the transaction is closed to it.
 */
export class Step {
  readonly effects: (() => void)[] = []
  readonly dialect: Dialect
  /** The append to the audit that is under way. */
  audit: Promise<unknown> = Promise.resolve()
  /** Records this step has read or written, by table and id: it alone writes now, so they are as they were. */
  readonly known = new Map<string, unknown>()
  readonly auditRows: AuditRecord[] = []
  readonly decisions: DecisionRecord[] = []
  readonly #batch: BatchState
  readonly #session: Session
  readonly #sums = new Map<string, number>()
  readonly #underWay: Promise<unknown>[] = []
  #head: ChainHead | undefined
  #ended = false

  constructor(session: Session, batch: BatchState) {
    this.#session = session
    this.#batch = batch
    this.#head = batch.auditHead
    this.dialect = batch.dialect
  }

  /** The transaction, for statements that are seldom wanted; only while the step runs. */
  get q(): Database {
    this.assertOpen()
    return this.#session.q
  }

  /** @throws AppError `internal` once the step has ended */
  assertOpen(): void {
    if (this.#ended)
      throw new AppError('internal', { message: 'a step used its transaction after it had ended' })
  }

  async rows<Given extends object, R>(
    statement: Prepared<Given, R>,
    ...given: readonly Given[]
  ): Promise<readonly R[]> {
    this.assertOpen()
    return statement.run(this.#session, this.dialect.kind, given)
  }

  async first<Given extends object, R>(statement: Prepared<Given, R>, given: Given): Promise<R | undefined> {
    const [row] = await this.rows(statement, given)
    return row
  }

  /**
   * Runs a statement whose answer the step need not know. Where statements are pipelined nobody waits for it before
   * the end of the step; what it was refused for ends the step then.
   */
  async run<Given extends object>(
    statement: Prepared<Given, unknown>,
    ...given: readonly Given[]
  ): Promise<void> {
    this.assertOpen()
    const done = this.rows(statement, ...given)
    if (this.#session.pipelined) this.wait(done)
    else await done
  }

  /** The step has not ended before `done` has. */
  wait(done: Promise<unknown>): void {
    done.catch(() => undefined)
    this.#underWay.push(done)
  }

  /** Everything that was sent is answered. Rejects with the first refusal, as sent: others only follow from it. */
  async settle(): Promise<void> {
    await this.audit
    for (const result of await Promise.allSettled(this.#underWay))
      if (result.status === 'rejected') throw result.reason
  }

  get auditHead(): ChainHead | undefined {
    return this.#head
  }

  set auditHead(head: ChainHead) {
    this.#head = head
  }

  /** Adds to a counter; written with the batch. */
  add(name: string, by: number): void {
    if (by !== 0) this.#sums.set(name, (this.#sums.get(name) ?? 0) + by)
  }

  /** Closes the transaction to the step. */
  close(): void {
    this.#ended = true
  }

  /** Hands what the step left behind to the batch. */
  keep(): void {
    this.#batch.auditHead = this.#head
    this.#batch.audit.push(...this.auditRows)
    this.#batch.decisions.push(...this.decisions)
    for (const [name, by] of this.#sums) this.#batch.sums.set(name, (this.#batch.sums.get(name) ?? 0) + by)
  }
}
