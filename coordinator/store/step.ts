import { AppError } from '../../shared/errors/index.ts'
import type { ChainHead } from '../audit/chain.ts'
import type { Dialect } from './dialect.ts'
import type { Database } from './schema.ts'

/** What the steps of one batch share and leave behind: written once, at its end. */
export interface BatchState {
  readonly dialect: Dialect
  /** Sums for the `counters` table, by name. */
  readonly sums: Map<string, number>
  /** The end of the audit chain as of the last good step; read from the table at the first append. */
  auditHead: ChainHead | undefined
}

/**
 * One step's view of the transaction. Its sums, chain head and effects reach the batch only when it ended well;
 * after its end the transaction is closed to it.
 */
export class Step {
  readonly effects: (() => void)[] = []
  readonly dialect: Dialect
  /** The append to the audit that is under way. */
  audit: Promise<unknown> = Promise.resolve()
  readonly #batch: BatchState
  readonly #transaction: Database
  readonly #sums = new Map<string, number>()
  #head: ChainHead | undefined
  #ended = false

  constructor(transaction: Database, batch: BatchState) {
    this.#transaction = transaction
    this.#batch = batch
    this.#head = batch.auditHead
    this.dialect = batch.dialect
  }

  /** The transaction; only while the step runs. */
  get q(): Database {
    if (this.#ended)
      throw new AppError('internal', { message: 'a step used its transaction after it had ended' })
    return this.#transaction
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

  /** Closes the transaction to the step; `keep` hands what it left behind to the batch. */
  end(keep: boolean): void {
    this.#ended = true
    if (!keep) return
    this.#batch.auditHead = this.#head
    for (const [name, by] of this.#sums) this.#batch.sums.set(name, (this.#batch.sums.get(name) ?? 0) + by)
  }
}
