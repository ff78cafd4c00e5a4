import { AppError } from '../../shared/errors/index.ts'
import type { Duration } from '../../shared/time/index.ts'
import { failureToWire } from '../../shared/wire/failure.ts'
import type { Assign, AttemptRef, Grant } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { CancelReason } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { Throttle } from '../pipeline/throttle.ts'
import { attemptLog, attemptWorld } from './attempt-log.ts'
import type { Send } from './frame.ts'
import type { JournalRecord } from './journal-record.ts'
import type { Recipe } from './recipe.ts'
import { recipeFor } from './recipe-for.ts'
import { leftBehind, recover } from './recover.ts'
import type { AttemptResult } from './result.ts'
import type { Surroundings } from './surroundings.ts'
import { Working } from './working.ts'

/**
 * What this agent has in hand. Each state owns only what it needs (style §1.1):
 *
 * `checking` pre-flight runs → `accepted` waits for Start (J10) → `working` → gone, its result in the spool.
 * `recovering` is what a former process left, taken back or forward from the journal. `share` is what budgets leave
 * to it.
 */
type AttemptState =
  | { readonly kind: 'checking'; readonly ref: AttemptRef; readonly share: Throttle }
  | {
      readonly kind: 'accepted'
      readonly ref: AttemptRef
      readonly recipe: Recipe
      readonly expiry: AbortController
      readonly share: Throttle
    }
  | {
      readonly kind: 'working'
      readonly ref: AttemptRef
      readonly working: Working
      readonly share: Throttle
    }
  | { readonly kind: 'recovering'; readonly ref: AttemptRef }

export interface AttemptsOptions {
  readonly world: Surroundings
  readonly send: Send
  /** An attempt ended; its result is in the spool. */
  readonly onResult: (result: AttemptResult) => void
  /** The coordinator asks for an attempt that has ended: its result is to be said again. */
  readonly onAsked: (result: AttemptResult) => void
  /** Attempts at the same time; a restore may be one more. */
  readonly slots: number
  /** Seam for tests. */
  readonly recipeFor?: typeof recipeFor
}

/** Runs attempts for a coordinator: Assign, Accepted or Declined, Start, Progress, Result (architecture §4, §10). */
export class Attempts {
  readonly #options: AttemptsOptions
  readonly #attempts = new Map<string, AttemptState>()
  readonly #leaving = new AbortController()
  /** Recovery can be left at any time: the journal it goes by stays as it is. */
  readonly #leavingRecovery = new AbortController()
  readonly #underway = new Set<Promise<void>>()
  /** Why the coordinator wants nothing new to be taken. */
  #drained: string | undefined
  #stopping = false
  #startTimeout: Duration = 30_000

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  /** How long an accepted attempt waits for its Start; the coordinator's Welcome says. */
  set startTimeout(value: Duration) {
    this.#startTimeout = value
  }

  /** Every attempt in hand, for Hello and heartbeats: what is recovered counts, its result is on its way. */
  running(): readonly AttemptRef[] {
    return [...this.#attempts.values()].filter(each => each.kind !== 'checking').map(({ ref }) => ref)
  }

  /** Begins to recover what a former process left; the attempts count as running until their results are there. */
  async recoverAll(): Promise<void> {
    for (const record of await leftBehind(this.#options.world)) this.#recover(record)
  }

  /** An offer. Declined when it cannot be done here and now, accepted after cheap checks. */
  assign(assign: Assign): void {
    const ref = assign.attempt
    if (ref === undefined) {
      this.#options.world.log.warn('an assign without an attempt was ignored')
      return
    }
    const known = this.#attempts.get(ref.attemptId)
    if (known !== undefined) {
      // sent again on a new stream: our answer may have been lost with the old one
      if (known.kind === 'accepted') this.#accept(known.ref, known.recipe)
      return
    }
    const result = this.#options.world.spool.ofAttempt(ref.attemptId)
    if (result === undefined) this.#track(this.#check(assign, ref))
    else this.#options.onAsked(result)
  }

  /** Begin (J10). For an attempt at work it changes nothing. */
  start(ref: AttemptRef): void {
    const { world } = this.#options
    const state = this.#find(ref)
    if (state?.kind === 'accepted') {
      state.expiry.abort()
      this.#work(state)
    }
    if (state !== undefined) return
    const result = world.spool.ofAttempt(ref.attemptId)
    if (result !== undefined) {
      this.#options.onAsked(result)
      return
    }
    attemptLog(world.log, ref).warn('a start for an attempt that is not in hand was ignored')
    this.#decline(ref, new AppError('job.not-accepted', { message: 'the agent has dropped this attempt' }))
  }

  /** Obeyed unless the journal says committing (J6): then the truth is told by the result (J13). */
  cancel(ref: AttemptRef, reason: CancelReason): void {
    const { world } = this.#options
    const state = this.#find(ref)
    const cause = new AppError(reason === CancelReason.REQUESTED ? 'job.cancelled' : 'job.superseded')
    if (state === undefined) {
      const result = world.spool.ofAttempt(ref.attemptId)
      if (result !== undefined) this.#options.onAsked(result)
      else this.#decline(ref, cause)
    } else if (state.kind === 'accepted') {
      state.expiry.abort()
      this.#attempts.delete(ref.attemptId)
      this.#decline(ref, cause)
    } else if (state.kind === 'checking') {
      this.#attempts.delete(ref.attemptId)
      this.#decline(ref, cause)
    } else if (state.kind === 'working') state.working.cancel(cause)
  }

  /** The answer to a guarded step. */
  grant(grant: Grant): void {
    const state = grant.attempt === undefined ? undefined : this.#find(grant.attempt)
    if (state?.kind === 'working') state.working.grants.answer(grant)
  }

  /** What budgets leave to an attempt from now on, bytes a second; 0: no budget limits it. */
  setRate(ref: AttemptRef, maxRate: number): void {
    const state = this.#find(ref)
    const rate = maxRate > 0 ? maxRate : undefined
    // nothing is stored by what is only taken forward or back
    if (state === undefined || state.kind === 'recovering' || state.share.rate === rate) return
    state.share.rate = rate
    attemptLog(this.#options.world.log, ref).debug('another share of the budgets', { max_rate: maxRate })
  }

  /** Takes no new work, or takes it again. */
  drain(on: boolean, reason: string): void {
    this.#drained = on ? reason : undefined
  }

  /** Whether nothing new is taken. */
  get draining(): boolean {
    return this.#stopping || this.#drained !== undefined
  }

  /** A new stream: what may have been lost with the old one is said again. */
  resend(): void {
    for (const state of this.#attempts.values()) {
      if (state.kind === 'accepted') this.#accept(state.ref, state.recipe)
      if (state.kind === 'working') state.working.resend()
    }
  }

  /** Sends what progress was held back. */
  flushProgress(): void {
    for (const state of this.#attempts.values()) if (state.kind === 'working') state.working.flushProgress()
  }

  /** No contact for ⅔ of the lease: guarded work ends itself (J11); everything else goes on. */
  contactLost(): void {
    for (const state of this.#attempts.values())
      if (state.kind === 'working' && state.working.recipe.guarded)
        state.working.cancel(
          new AppError('job.lost-guarded', {
            message: 'the coordinator was out of reach for ⅔ of the lease, so this guarded job ended itself',
          }),
        )
  }

  /**
   * Ends everything: takes nothing new, aborts what runs (uploads too), waits until the results are spooled.
   * With `force` it leaves at once; the journal holds the rest.
   */
  async stop(force: AbortSignal): Promise<void> {
    this.#stopping = true
    for (const [id, state] of this.#attempts) {
      if (state.kind === 'working')
        state.working.cancel(new AppError('interrupted', { message: 'the agent was stopped' }))
      if (state.kind === 'accepted') {
        state.expiry.abort()
        this.#attempts.delete(id)
        this.#decline(state.ref, new AppError('agent.draining'))
      }
    }
    const leave = () => this.#leaving.abort(new AppError('interrupted', { message: 'the agent left' }))
    if (force.aborted) leave()
    else force.addEventListener('abort', leave, { once: true })
    this.#leavingRecovery.abort(new AppError('interrupted', { message: 'the agent left' }))
    await this.idle()
    force.removeEventListener('abort', leave)
  }

  /** Resolves when nothing is in hand. */
  async idle(): Promise<void> {
    while (this.#underway.size > 0) await Promise.allSettled(this.#underway)
  }

  async #check(assign: Assign, ref: AttemptRef): Promise<void> {
    const { world, slots } = this.#options
    const log = attemptLog(world.log, ref)
    const busy = [...this.#attempts.values()].filter(({ kind }) => kind !== 'recovering').length
    const share = new Throttle(undefined, world.clock)
    this.#attempts.set(ref.attemptId, { kind: 'checking', ref, share })
    const demandOpen = () => {
      if (this.draining)
        throw new AppError('agent.draining', {
          context: { reason: this.#stopping ? 'the agent is stopping' : (this.#drained ?? '') },
        })
    }
    try {
      demandOpen()
      // one more for a restore, as the planner reckons: somebody waits for it
      const most = assign.kind === JobKind.RESTORE ? slots + 1 : slots
      if (busy >= most) throw new AppError('agent.busy', { context: { slots, busy } })
      const recipe = (this.#options.recipeFor ?? recipeFor)(assign, ref, world.clock.now().wall, {
        ...attemptWorld(world, ref),
        share,
      })
      await recipe.preflight()
      await world.journal.probe()
      demandOpen()
      // cancelled meanwhile
      if (this.#find(ref)?.kind !== 'checking') return
      const expiry = new AbortController()
      this.#attempts.set(ref.attemptId, { kind: 'accepted', ref, recipe, expiry, share })
      this.#accept(ref, recipe)
      log.info('accepted', { kind: recipe.kind, subject: recipe.subject })
      this.#track(this.#expire(ref, expiry.signal))
    } catch (thrown) {
      const error = AppError.from(thrown)
      this.#attempts.delete(ref.attemptId)
      log.warn('declined', { error })
      this.#decline(ref, error)
    }
  }

  /**
   * Accepts, and before that says where its objects will lie: the coordinator commits the one before the other,
   * and Start follows both, so that a keeper finds even an upload whose opening nobody heard of (P4).
   */
  #accept(attempt: AttemptRef, { place }: Recipe): void {
    const { prefix } = place
    if (prefix !== '')
      for (const { name } of [place.destination, ...(place.further ?? [])])
        this.#options.send({
          $case: 'uploadOpened',
          value: { attempt, key: '', uploadId: '', attemptPrefix: prefix, destination: name },
        })
    this.#options.send({ $case: 'accepted', value: { attempt } })
  }

  /** J10: no Start in time, dropped. */
  async #expire(ref: AttemptRef, started: AbortSignal): Promise<void> {
    const { world } = this.#options
    try {
      await world.clock.sleep(this.#startTimeout, started)
    } catch {
      return
    }
    this.#attempts.delete(ref.attemptId)
    attemptLog(world.log, ref).warn('dropped: no start came')
    this.#decline(ref, new AppError('job.not-accepted', { message: 'no start came in time; dropped' }))
  }

  #work({ ref, recipe, share }: Extract<AttemptState, { kind: 'accepted' }>): void {
    const { world, send } = this.#options
    const working = new Working({ ref, recipe, world, send, leaving: this.#leaving.signal })
    this.#attempts.set(ref.attemptId, { kind: 'working', ref, working, share })
    this.#track(
      working.run().then(result => {
        if (this.#leaving.signal.aborted && result === undefined) return
        this.#attempts.delete(ref.attemptId)
        if (result !== undefined) this.#options.onResult(result)
      }),
    )
  }

  #recover(record: JournalRecord): void {
    const { job_id: jobId, attempt_id: attemptId, epoch } = record.attempt
    const world = attemptWorld(this.#options.world, { jobId, attemptId })
    this.#attempts.set(attemptId, { kind: 'recovering', ref: { jobId, attemptId, epoch } })
    this.#track(
      recover(record, world, this.#leavingRecovery.signal).then(result => {
        this.#attempts.delete(attemptId)
        world.log.info('recovered', { outcome: result.outcome })
        this.#options.onResult(result)
      }),
    )
  }

  #find(ref: AttemptRef): AttemptState | undefined {
    const state = this.#attempts.get(ref.attemptId)
    // both must be equal (J2)
    return state !== undefined && state.ref.epoch === ref.epoch ? state : undefined
  }

  #decline(ref: AttemptRef, error: AppError): void {
    this.#options.send({ $case: 'declined', value: { attempt: ref, failure: failureToWire(error) } })
  }

  /** Nothing that is begun is forgotten, and no rejection of it ends the process. */
  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (!this.#leaving.signal.aborted && !this.#leavingRecovery.signal.aborted)
          this.#options.world.log.error('an attempt ended in a way it must not', { error })
      })
      .finally(() => this.#underway.delete(tracked))
    this.#underway.add(tracked)
  }
}
