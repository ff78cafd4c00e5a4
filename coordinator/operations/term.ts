import type { Clock, newId } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { InstanceId } from '../../shared/model/identifiers.ts'
import type { AlertBook } from '../alerts/index.ts'
import type { FleetMap } from '../fleet/fleet-map.ts'
import type { Store, WriteTx } from '../store/port.ts'
import type { AnchorTasks } from './anchor-tasks.ts'
import type { BrakeSeen } from './brake-seen.ts'
import type { InTurn } from './in-turn.ts'
import type { JobViews } from './job-views.ts'
import type { LeaseClock } from './lease-clock.ts'
import type { LiveAgents } from './live-agents.ts'
import type { Messenger } from './messenger.ts'
import type { Meter } from './meter.ts'
import type { OpenJobs } from './open-jobs.ts'
import type { Pauses } from './pauses.ts'
import type { PoliciesInForce } from './policies-in-force.ts'
import type { Predictions } from './predictions.ts'
import type { RunRates } from './run-rates.ts'
import type { Settings } from './settings.ts'
import type { Shortages } from './shortages.ts'
import type { StoreOutcomes } from './store-outcomes.ts'
import type { TokenBook } from './token-book.ts'
import type { ToldRates } from './told-rates.ts'
import type { UnfitVerifiers } from './unfit-verifiers.ts'

/**
 * One time as leader and all that is only true within it: what this process holds in memory of jobs, fleet and
 * agents. It ends as a whole; what was begun in it can neither write nor speak afterwards (J6, facts A4).
 */
export interface Term {
  readonly number: number
  /** Aborted when the term ends, before anything else happens. */
  readonly signal: AbortSignal
  /** Whether this process may still speak, by its own clock; ends the term when not (facts A4). */
  leads(): boolean
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly newId: typeof newId
  readonly settings: Settings
  /** Who cannot make which verification. */
  readonly unfit: UnfitVerifiers
  readonly jobs: OpenJobs
  readonly alerts: AlertBook
  /** How storing in each destination went lately. */
  readonly outcomes: StoreOutcomes
  readonly fleet: FleetMap
  /** What is promised now. */
  readonly policies: PoliciesInForce
  /** How long backups will take. */
  readonly predictions: Predictions
  readonly live: LiveAgents
  /** Who gets no slot or budget before its promise breaks, by the last forecast. */
  readonly shortages: Shortages
  /** Expected runs of the last day and those made. */
  readonly runs: RunRates
  /** What operators paused. */
  readonly pauses: Pauses
  /** Tokens of operators. */
  readonly tokens: TokenBook
  readonly leases: LeaseClock
  /** What attempts at work were told to keep to of budgets. */
  readonly rates: ToldRates
  readonly views: JobViews
  readonly messenger: Messenger
  readonly meter: Meter
  /** The brake of retention as the last look found it; absent before the first. */
  brake?: BrakeSeen
  /** What keepers were asked of audit anchors. */
  readonly anchors: AnchorTasks
  /** Inventories of one instance are taken in one after the other. */
  readonly inventories: InTurn<InstanceId>
  /** A commit failed and nobody knows what the store kept: this memory is not to be trusted any more. */
  storeLost(error: AppError): void
  /** Something was refused at the door: audited as security, folded (facts A10). */
  refused(actor: string, reason: string, subject: string): void
  /** Somebody's token or certificate counts no more: what it holds open is judged again. */
  credentialRevoked(): void
  /** Something was put into the outbox. */
  wakeAlerts(): void
  /** Judges every promise soon, not now. */
  reviewSoon(): void
  /** Plans soon, not now. */
  wakePlanner(): void
}

/**
 * A step of this term in the writer's next transaction. Rejects with `leader.deposed` once the term has
 * ended, also for a step that was queued before: the store's fence guards against others, this against
 * our own former self.
 */
export function write<T>(term: Term, label: string, step: (tx: WriteTx) => Promise<T>): Promise<T> {
  if (!term.leads()) return Promise.reject(new AppError('leader.deposed'))
  return term.store
    .write(label, tx => {
      if (term.signal.aborted) throw new AppError('leader.deposed')
      return step(tx)
    })
    .catch((thrown: unknown) => {
      const error = AppError.from(thrown)
      const lost = error.code === 'leader.deposed' || error.code === 'leader.none'
      // a full queue refused before anything was begun; every other failed commit may have been kept
      if (lost || (error.code === 'store.unavailable' && !('waiting' in error.context))) term.storeLost(error)
      throw thrown
    })
}

/** Registers an effect that is dropped when the term ended between the commit and it. */
export function afterCommit(term: Term, tx: WriteTx, effect: () => void): void {
  tx.afterCommit(() => {
    if (!term.signal.aborted) effect()
  })
}
