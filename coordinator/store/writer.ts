import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { ChainHead } from '../audit/chain.ts'
import type { Backend } from './dialect.ts'
import type { StoreLeadership } from './leadership.ts'
import type { WriteTx } from './port.ts'
import { prepared } from './prepared.ts'
import { inOrder, type Session, savepoint } from './session.ts'
import { type BatchState, newBatch, Step } from './step.ts'
import { stepError, unavailable } from './store-error.ts'
import { appendBatch } from './write/append-batch.ts'
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
  /** A batch takes no further step after this long, so that those who wait for its commit do not wait long. */
  readonly maxWaitMs: number
  /** Where statements block the event loop: it turns after so long between two steps of a batch. */
  readonly maxHoldMs: number
  /** While several write at a time, a batch that would be small begins no sooner after the last one. */
  readonly gatherMs: number
  /** Steps that may wait; beyond, a write is refused at once. */
  readonly maxQueue: number
  /** A step that takes longer awaits something besides its transaction. */
  readonly stepTimeoutMs: number
}

/** So many steps are worth a commit of their own whenever it is. */
const worthwhile = 10

const leaderRow = {
  plain: prepared<{ readonly id: number }, { readonly epoch: number }>(['id'], (db, { id }) =>
    db.selectFrom('leader').select('epoch').where('id', '=', id),
  ),
  locked: prepared<{ readonly id: number }, { readonly epoch: number }>(['id'], (db, { id }) =>
    db.selectFrom('leader').select('epoch').where('id', '=', id).forShare(),
  ),
}

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
 *
 * A commit costs as much as several steps, so batches are to be large and still hold up nothing: the loop turns
 * between steps, and a batch that would be small waits a little for company, unless there is none to be had (ADR 0250).
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
  #endedAt = 0
  /** Steps of the last batch: more than one tells of company. */
  #lastSteps = 0
  /** The end of the audit chain, as long as nobody else can have written to it. */
  #audit: { readonly term: number; readonly head: ChainHead } | undefined

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
      await turn()
      await this.#gather()
      await this.#batch()
    }
    this.#running = false
  }

  async #gather(): Promise<void> {
    if (this.#closed || this.#lastSteps < 2 || this.#queue.length >= worthwhile) return
    const left = this.#limits.gatherMs - (performance.now() - this.#endedAt)
    if (left > 0) await pause(left)
  }

  /** Never rejects: whatever happens ends in the answers of its steps. */
  async #batch(): Promise<void> {
    const taken: Pending[] = []
    const startedAt = performance.now()
    let outcomes: readonly Outcome[]
    try {
      outcomes = await this.#commit(taken)
    } catch (thrown) {
      // The begin itself can fail: then those who wait must hear of it, or the loop would spin
      if (taken.length === 0) taken.push(...this.#queue.splice(0, this.#limits.maxBatch))
      const failure = unavailable(thrown, { steps: taken.length })
      if (failure.code !== 'leader.deposed')
        this.#log.error('a batch of writes was not committed', { error: failure, steps: taken.length })
      // what the server kept is unknown, the end of the chain, too
      this.#audit = undefined
      this.#metrics.batch?.(taken.length, performance.now() - startedAt, 'failed')
      for (const pending of taken) pending.reject(failure)
      return
    }
    this.#metrics.batch?.(taken.length, performance.now() - startedAt, 'committed')
    this.#backend.committed(taken.length)
    this.#lastSteps = taken.length
    this.#endedAt = performance.now()
    taken.forEach((pending, i) => {
      const outcome = outcomes[i]
      if (outcome !== undefined) this.#answer(pending, outcome)
    })
  }

  #commit(taken: Pending[]): Promise<readonly Outcome[]> {
    const term = this.#leadership.term
    if (term === undefined) throw this.#leadership.refusal()
    return this.#backend.session(async session => {
      try {
        await inOrder(session, [() => session.begin(), () => this.#fence(session, term)])
        const head = this.#audit?.term === term ? this.#audit.head : undefined
        const state = newBatch(this.#backend.dialect, head)
        const outcomes = await this.#applyAll(session, state, taken)
        await inOrder(session, [...appendBatch(session, state), () => session.commit()])
        this.#audit = state.auditHead && { term, head: state.auditHead }
        return outcomes
      } catch (thrown) {
        await session.rollback().catch(() => undefined)
        throw thrown
      }
    })
  }

  async #applyAll(session: Session, state: BatchState, taken: Pending[]): Promise<readonly Outcome[]> {
    const { maxBatch, maxWaitMs, maxHoldMs } = this.#limits
    const outcomes: Outcome[] = []
    const startedAt = performance.now()
    let heldSince = startedAt
    while (taken.length < maxBatch && this.#queue.length > 0) {
      const now = performance.now()
      if (taken.length > 0 && now - startedAt > maxWaitMs) break
      if (state.dialect.blocking && now - heldSince > maxHoldMs) {
        await turn()
        heldSince = performance.now()
      }
      const pending = this.#queue.shift()
      if (pending === undefined) break
      taken.push(pending)
      outcomes.push(await this.#apply(session, state, pending))
    }
    return outcomes
  }

  /** The fence (P4): this process leads now and, by the lock it takes, until the commit. */
  async #fence(session: Session, term: number): Promise<void> {
    const { kind, rowLocks } = this.#backend.dialect
    const [row] = await (rowLocks ? leaderRow.locked : leaderRow.plain).run(session, kind, [{ id: 1 }])
    if (row?.epoch === term) return
    this.#leadership.depose(term)
    throw new AppError('leader.deposed', { context: { term, current_term: row?.epoch ?? 0 } })
  }

  async #apply(session: Session, state: BatchState, pending: Pending): Promise<Outcome> {
    const step = new Step(session, state)
    const entered = savepoint(session, 'set')
    if (session.pipelined) step.wait(entered)
    else await entered
    try {
      const value = await this.#inTime(pending, writeTx(step))
      await step.audit
      step.close()
      // answered after everything the step sent: refused when any of it was
      const released = savepoint(session, 'release')
      if (session.pipelined) step.wait(released)
      else await released
      await step.settle()
      step.keep()
      return { kept: true, value, effects: step.effects }
    } catch (thrown) {
      step.close()
      const first = await step.settle().then(
        () => thrown,
        (refused: unknown) => refused,
      )
      await inOrder(session, [() => savepoint(session, 'undo'), () => savepoint(session, 'release')])
      return { kept: false, reason: stepError(first, pending.label) }
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

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
