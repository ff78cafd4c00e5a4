import { type ControlledTransaction, sql } from 'kysely'
import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Backend } from './dialect.ts'
import type { StoreLeadership } from './leadership.ts'
import type { WriteTx } from './port.ts'
import type { Schema } from './schema.ts'
import { type BatchState, Step } from './step.ts'
import { stepError, unavailable } from './store-error.ts'
import { writeTx } from './write/write-tx.ts'

/** What the writer tells of itself; every method is called outside of transactions. */
export interface StoreMetrics {
  /** A transaction ended: steps in it, milliseconds from begin to the end of commit, whether it was committed. */
  batch?(steps: number, durationMs: number, outcome: 'committed' | 'failed'): void
  /** A step ended: its label, milliseconds from `write` until its commit. */
  step?(label: string, durationMs: number, outcome: 'kept' | 'undone'): void
}

/** Bounds of the writer. */
export interface WriterLimits {
  /** Steps of one transaction. */
  readonly maxBatch: number
  /** A batch takes no further step after this long, so that a commit blocks and delays little. */
  readonly maxWaitMs: number
  /** Steps that may wait; beyond, a write is refused at once. */
  readonly maxQueue: number
  /** A step that takes longer awaits something besides its transaction. */
  readonly stepTimeoutMs: number
}

type Transaction = ControlledTransaction<Schema>

interface Pending {
  readonly label: string
  readonly queuedAt: number
  readonly step: (tx: WriteTx) => Promise<unknown>
  resolve(value: unknown): void
  reject(reason: unknown): void
}

type Outcome =
  | { readonly kept: true; readonly value: unknown; readonly effects: readonly (() => void)[] }
  | { readonly kept: false; readonly reason: unknown }

/**
 * One writer with group commit (architecture §12, facts-runtime B3). It takes the steps that wait, applies each
 * in a savepoint of one fenced transaction, commits, and only then runs their effects and answers them, in
 * order. A step that throws is undone alone; its rejection, too, waits for the commit, since what it saw may yet
 * be rolled back. When the commit fails the whole batch is rejected and no effect runs; whether a lost commit
 * was kept by the server is then unknown.
 */
export class Writer {
  readonly #backend: Backend
  readonly #leadership: StoreLeadership
  readonly #clock: Clock
  readonly #log: Log
  readonly #limits: WriterLimits
  readonly #metrics: StoreMetrics
  #queue: Pending[] = []
  #last: Promise<unknown> = Promise.resolve()
  #running = false
  #closed = false

  constructor(options: {
    backend: Backend
    leadership: StoreLeadership
    clock: Clock
    log: Log
    limits: WriterLimits
    metrics: StoreMetrics
  }) {
    this.#backend = options.backend
    this.#leadership = options.leadership
    this.#clock = options.clock
    this.#log = options.log
    this.#limits = options.limits
    this.#metrics = options.metrics
  }

  write<T>(label: string, step: (tx: WriteTx) => Promise<T>): Promise<T> {
    const refusal = this.#refusal(label)
    if (refusal !== undefined) return Promise.reject(refusal)
    const written = new Promise<T>((resolve, reject) => {
      this.#queue.push({
        label,
        queuedAt: this.#clock.now().mono,
        step,
        resolve: value => resolve(value as T),
        reject,
      })
    })
    this.#last = written.catch(() => undefined)
    if (!this.#running) void this.#run()
    return written
  }

  /** Resolves when every step queued so far was answered. */
  async flush(): Promise<void> {
    await this.#last
  }

  /** Takes no more writes and finishes those that wait. */
  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
  }

  #refusal(label: string): AppError | undefined {
    if (this.#closed) return new AppError('store.unavailable', { message: 'the store is closed' })
    if (this.#leadership.term === undefined) return this.#leadership.refusal()
    if (this.#queue.length >= this.#limits.maxQueue)
      return new AppError('store.unavailable', {
        message: 'too many writes wait for the store',
        context: { step: label, waiting: this.#queue.length },
      })
    return undefined
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#queue.length > 0) {
      // Lets the loop turn: sessions get their heartbeats in, and more steps join this batch
      await new Promise<void>(resolve => setImmediate(resolve))
      await this.#batch()
    }
    this.#running = false
  }

  /** Never rejects: whatever happens ends in the answers of its steps. */
  async #batch(): Promise<void> {
    const taken: Pending[] = []
    const startedAt = performance.now()
    let outcomes: readonly Outcome[]
    try {
      outcomes = await this.#commit(taken, startedAt)
    } catch (thrown) {
      // The begin itself can fail: then those who wait must hear of it, or the loop would spin
      if (taken.length === 0) taken.push(...this.#queue.splice(0, this.#limits.maxBatch))
      const failure = unavailable(thrown, { steps: taken.length })
      if (failure.code !== 'leader.deposed')
        this.#log.error('a batch of writes was not committed', { error: failure, steps: taken.length })
      this.#metrics.batch?.(taken.length, performance.now() - startedAt, 'failed')
      for (const pending of taken) pending.reject(failure)
      return
    }
    this.#metrics.batch?.(taken.length, performance.now() - startedAt, 'committed')
    this.#backend.committed()
    taken.forEach((pending, i) => {
      const outcome = outcomes[i]
      if (outcome !== undefined) this.#answer(pending, outcome)
    })
  }

  async #commit(taken: Pending[], startedAt: number): Promise<readonly Outcome[]> {
    const term = this.#leadership.term
    if (term === undefined) throw this.#leadership.refusal()
    const trx = await this.#backend.db.startTransaction().execute()
    try {
      await this.#fence(trx, term)
      const state: BatchState = { dialect: this.#backend.dialect, sums: new Map(), auditHead: undefined }
      const outcomes: Outcome[] = []
      while (taken.length < this.#limits.maxBatch && this.#queue.length > 0) {
        if (taken.length > 0 && performance.now() - startedAt > this.#limits.maxWaitMs) break
        const pending = this.#queue.shift()
        if (pending === undefined) break
        taken.push(pending)
        outcomes.push(await this.#apply(trx, state, pending))
      }
      await writeSums(trx, state.sums)
      await trx.commit().execute()
      return outcomes
    } catch (thrown) {
      if (!trx.isCommitted && !trx.isRolledBack)
        await trx
          .rollback()
          .execute()
          .catch(() => undefined)
      throw thrown
    }
  }

  /** The fence (P4): this process leads now and, by the lock it takes, until the commit. */
  async #fence(trx: Transaction, term: number): Promise<void> {
    const row = await trx
      .selectFrom('leader')
      .select('epoch')
      .where('id', '=', 1)
      .$if(this.#backend.dialect.rowLocks, query => query.forShare())
      .executeTakeFirstOrThrow()
    if (row.epoch === term) return
    this.#leadership.depose(term)
    throw new AppError('leader.deposed', { context: { term, current_term: row.epoch } })
  }

  async #apply(trx: Transaction, state: BatchState, pending: Pending): Promise<Outcome> {
    const inner = await trx.savepoint('step').execute()
    const step = new Step(inner, state)
    try {
      const value = await this.#inTime(pending, writeTx(step))
      await step.audit
      await inner.releaseSavepoint('step').execute()
      step.end(true)
      return { kept: true, value, effects: step.effects }
    } catch (thrown) {
      step.end(false)
      await inner.rollbackToSavepoint('step').execute()
      await inner.releaseSavepoint('step').execute()
      return { kept: false, reason: stepError(thrown, pending.label) }
    }
  }

  async #inTime(pending: Pending, tx: WriteTx): Promise<unknown> {
    const { promise: tooLong, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () =>
        reject(
          new AppError('internal', {
            message: `the step ${pending.label} did not end: it awaits something besides its transaction`,
          }),
        ),
      this.#limits.stepTimeoutMs,
    )
    try {
      return await Promise.race([pending.step(tx), tooLong])
    } finally {
      clearTimeout(timer)
    }
  }

  #answer(pending: Pending, outcome: Outcome): void {
    const waited = this.#clock.now().mono - pending.queuedAt
    this.#metrics.step?.(pending.label, waited, outcome.kept ? 'kept' : 'undone')
    if (!outcome.kept) {
      pending.reject(outcome.reason)
      return
    }
    for (const effect of outcome.effects) {
      try {
        effect()
      } catch (thrown) {
        this.#log.error('an effect failed after its commit', { error: thrown, step: pending.label })
      }
    }
    pending.resolve(outcome.value)
  }
}

async function writeSums(trx: Transaction, sums: ReadonlyMap<string, number>): Promise<void> {
  if (sums.size === 0) return
  await trx
    .insertInto('counters')
    .values([...sums].map(([name, value]) => ({ name, value })))
    .onConflict(oc => oc.column('name').doUpdateSet({ value: sql<number>`counters.value + excluded.value` }))
    .execute()
}
