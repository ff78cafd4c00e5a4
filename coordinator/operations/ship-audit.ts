import { AppError } from '../../shared/errors/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { keyOf } from '../alerts/rules/keys.ts'
import type { AuditSink } from '../audit/ship/index.ts'
import { tellFact } from './tell-fact.ts'
import { type Term, write } from './term.ts'

/** Events handed over at a time. */
const rowsAtOnce = 500
const longestPause: Duration = 30_000

/** How shipping to one place goes. */
export interface ShipState {
  readonly kind: string
  readonly failing: boolean
  /** Events that are not there yet. */
  readonly waiting: number
}

/**
 * Ships the audit to one place, in the order of the chain, from where the store says it was left: the position moves
 * only behind what was taken, so that an event comes at least once and none is left out, whoever leads. It reads what
 * is committed and holds up nobody; trouble is told and tried again, ever less often.
 */
export class AuditShipper {
  readonly #term: Term
  readonly #sink: AuditSink
  readonly #patience: Duration
  #position: number | undefined
  #waiting = 0
  #failingSince: Millis | undefined
  #tries = 0
  #notBefore = 0
  #told = false
  /** One run at a time: two would move the position twice. */
  #turn: Promise<void> = Promise.resolve()

  constructor(sink: AuditSink, patience: Duration, term: Term) {
    this.#sink = sink
    this.#patience = patience
    this.#term = term
    this.#told = term.alerts.get(keyOf.auditNotShipped(sink.kind)) !== undefined
  }

  get state(): ShipState {
    return { kind: this.#sink.kind, failing: this.#failingSince !== undefined, waiting: this.#waiting }
  }

  /** Ships all there is. @param hurried also while it waits after a failure: the last time before the end */
  run(hurried = false): Promise<void> {
    const run = this.#turn.then(() => this.#run(hurried))
    this.#turn = run.catch(() => undefined)
    return run
  }

  async #run(hurried: boolean): Promise<void> {
    const { clock } = this.#term
    if (!hurried && clock.now().mono < this.#notBefore) return
    try {
      await this.#shipAll()
      await this.#well()
    } catch (thrown) {
      const error = AppError.from(thrown, 'audit.not-shipped')
      if (error.code === 'leader.deposed' || this.#term.signal.aborted) throw thrown
      await this.#failed(error)
    }
  }

  async #shipAll(): Promise<void> {
    const { store, signal } = this.#term
    this.#position ??= (await store.read.counters()).get(this.#counter) ?? 0
    for (;;) {
      const total = await store.read.auditTotal()
      this.#waiting = Math.max(0, total - this.#position)
      if (this.#position > total)
        throw new AppError('audit.broken', {
          message: `the audit has ${total} events, ${this.#position} were shipped`,
        })
      const rows = await store.read.auditFrom(this.#position, rowsAtOnce)
      const last = rows.at(-1)
      if (last === undefined) return
      await this.#sink.send(rows, signal)
      const from = this.#position
      await write(this.#term, 'audit-shipped', async tx => tx.counters.add(this.#counter, last.seq - from))
      this.#position = last.seq
      this.#waiting = Math.max(0, total - last.seq)
    }
  }

  get #counter(): string {
    return `audit.shipped.${this.#sink.kind}`
  }

  async #well(): Promise<void> {
    this.#tries = 0
    this.#notBefore = 0
    if (this.#failingSince !== undefined)
      this.#term.log.info('the audit is shipped again', { what: this.#sink.kind, where: this.#sink.to })
    this.#failingSince = undefined
    if (this.#told) await this.#tell(false, '')
  }

  async #failed(error: AppError): Promise<void> {
    const { clock, log } = this.#term
    const { mono, wall } = clock.now()
    if (this.#failingSince === undefined)
      log.warn('the audit could not be shipped; tried again', {
        what: this.#sink.kind,
        where: this.#sink.to,
        error,
      })
    this.#failingSince ??= mono
    this.#notBefore = mono + Math.min(longestPause, 1_000 * 2 ** Math.min(this.#tries, 10))
    this.#tries++
    // what waits is counted on, also while nothing leaves
    this.#waiting = Math.max(0, (await this.#term.store.read.auditTotal()) - (this.#position ?? 0))
    if (!this.#told && mono - this.#failingSince >= this.#patience)
      await this.#tell(true, detailOf(error), wall - (mono - this.#failingSince))
  }

  async #tell(failing: boolean, detail: string, since: Millis = 0): Promise<void> {
    const { kind, to } = this.#sink
    const at = this.#term.clock.now().wall
    await write(this.#term, 'alert-facts', tx =>
      tellFact(
        tx,
        { kind: 'audit-ship', sink: kind, to, failing, detail, since, waiting: this.#waiting },
        at,
        this.#term,
      ),
    )
    this.#told = failing
  }
}

function detailOf(error: AppError): string {
  const { cause } = error
  const { code } = (cause ?? {}) as NodeJS.ErrnoException
  return code ?? String(error.context['detail'] ?? error.message)
}
