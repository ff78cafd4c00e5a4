import type { Clock } from '../../shared/clock/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import { type Ack, AckDisposition } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { type AttemptResult, resultToWire } from '../jobs/result.ts'
import type { Disposition, Spool } from '../jobs/spool.ts'
import type { Session } from './session.ts'

/** Unanswered on a stream that serves: said again after this, ms. The coordinator tells them apart by their id. */
const sayAgainAfter = 60_000

const dispositions: Readonly<Partial<Record<AckDisposition, Disposition>>> = {
  [AckDisposition.RECORDED]: 'recorded',
  [AckDisposition.SURPLUS]: 'surplus',
  [AckDisposition.REJECTED]: 'rejected',
}

/** Sends what lies in the spool until each is answered (J12): on every new stream again. */
export class Results {
  readonly #spool: Spool
  readonly #clock: Clock
  readonly #log: Log
  #session: Session | undefined
  #incarnation = ''
  #said = new Map<string, Millis>()
  #sending = false
  /** Asked for by the coordinator although answered before. */
  readonly #again = new Map<string, AttemptResult>()

  constructor(options: { readonly spool: Spool; readonly clock: Clock; readonly log: Log }) {
    this.#spool = options.spool
    this.#clock = options.clock
    this.#log = options.log
  }

  /** A new stream: everything unanswered is said again; to a store of another incarnation also what was answered. */
  async attach(session: Session, incarnation: string): Promise<void> {
    this.#session = session
    this.#said = new Map()
    this.#incarnation = incarnation
    const revived = incarnation === '' ? 0 : await this.#spool.reviveFor(incarnation)
    if (revived > 0)
      this.#log.warn('the coordinator has another store; results are sent again', { results: revived })
    await this.flush()
  }

  /** The coordinator does not know that an attempt has ended: its result is said again, answered or not. */
  async sayAgain(result: AttemptResult): Promise<void> {
    this.#said.delete(result.result_id)
    if (!this.#spool.pending().some(each => each.result_id === result.result_id))
      this.#again.set(result.result_id, result)
    await this.flush()
  }

  /** Sends what was not said on this stream, one after the other. */
  async flush(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        const session = this.#session
        if (session === undefined) return
        this.#said.set(next.result_id, this.#clock.now().mono)
        this.#again.delete(next.result_id)
        if (!(await session.sendWithin({ $case: 'result', value: resultToWire(next) }))) {
          this.#said.delete(next.result_id)
          if (session === this.#session) return
        }
      }
    } finally {
      this.#sending = false
    }
  }

  /** An answer. One to a result that does not wait changes nothing. */
  async acknowledge(ack: Ack): Promise<void> {
    const disposition = dispositions[ack.disposition]
    if (disposition === undefined) {
      this.#log.warn('an acknowledgement of unknown meaning was ignored', { result_id: ack.resultId })
      return
    }
    const known = await this.#spool.acknowledge(
      ack.resultId,
      { disposition, reason: ack.reason, incarnation: this.#incarnation },
      this.#clock.now().wall,
    )
    if (known === undefined) return
    const about = {
      job_id: known.attempt.job_id,
      attempt_id: known.attempt.attempt_id,
      result_id: ack.resultId,
    }
    if (disposition === 'rejected')
      this.#log.error('the coordinator rejected a result; it is kept in spool/rejected', {
        ...about,
        reason: ack.reason,
      })
    else this.#log.info('result acknowledged', { ...about, disposition })
  }

  #next(): AttemptResult | undefined {
    const { mono } = this.#clock.now()
    const due = ({ result_id }: AttemptResult) => {
      const said = this.#said.get(result_id)
      return said === undefined || mono - said >= sayAgainAfter
    }
    return this.#spool.pending().find(due) ?? this.#again.values().next().value
  }
}
