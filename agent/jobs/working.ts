import { AppError } from '../../shared/errors/index.ts'
import type { Duration } from '../../shared/time/index.ts'
import type { AttemptRef } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { PeakMemory } from '../host/peak-memory.ts'
import { attemptWorld } from './attempt-log.ts'
import { conduct } from './conduct.ts'
import { forecast, type Reading, readingOf, remembered, workOf } from './forecast.ts'
import type { Send } from './frame.ts'
import { Grants } from './grants.ts'
import type { Recipe } from './recipe.ts'
import type { AttemptResult } from './result.ts'
import type { AttemptProgress, AttemptVoice, Surroundings } from './surroundings.ts'

/** Progress of an attempt is sent this often at most, ms; a new stage at once. */
const progressEvery = 2_000

/** An attempt at work, with all it owns: its abort, its open uploads and questions, its latest progress. */
export class Working {
  readonly recipe: Recipe
  readonly grants: Grants
  readonly #ref: AttemptRef
  readonly #world: Surroundings
  readonly #send: Send
  readonly #leaving: AbortSignal
  readonly #controller = new AbortController()
  readonly #uploads = new Map<string, string>()
  readonly #memory = new PeakMemory()
  #latest: AttemptProgress = { stage: 'starting', rawBytes: 0, storedBytes: 0, predictedRawBytes: 0 }
  #readings: readonly Reading[] = []
  #sentAt = Number.NEGATIVE_INFINITY
  #unsent = false
  #committing = false

  constructor(options: {
    readonly ref: AttemptRef
    readonly recipe: Recipe
    readonly world: Surroundings
    readonly send: Send
    readonly leaving: AbortSignal
  }) {
    this.recipe = options.recipe
    this.#ref = options.ref
    this.#world = options.world
    this.#send = options.send
    this.#leaving = options.leaving
    this.grants = new Grants(options.ref, options.send)
  }

  /** Works; the result is in the spool when this resolves, or in the journal when the process is leaving. */
  async run(): Promise<AttemptResult | undefined> {
    const world = attemptWorld(this.#world, this.#ref)
    const { log } = world
    const yieldedBefore = this.#world.yielding?.yieldedMs ?? 0
    const over = new AbortController()
    if (this.recipe.timeout !== undefined) this.#endAfter(this.recipe.timeout, over.signal)
    log.info('started', { kind: this.recipe.kind, subject: this.recipe.subject })
    const result = await conduct({
      recipe: this.recipe,
      attempt: this.#ref,
      startedAt: this.#world.clock.now().wall,
      world,
      voice: this.#voice(),
      counted: () => ({
        rawBytes: this.#latest.rawBytes,
        storedBytes: this.#latest.storedBytes,
        peakRssBytes: this.#memory.bytes,
        observed: {
          retries: this.#latest.retries ?? 0,
          agent_peak_rss_bytes: this.#memory.peaks.agent,
          children_peak_rss_bytes: this.#memory.peaks.children,
          yielded_ms: Math.round((this.#world.yielding?.yieldedMs ?? 0) - yieldedBefore),
        },
      }),
    })
    over.abort()
    if (result?.outcome === 'succeeded')
      log.info('succeeded', { raw_bytes: result.raw_bytes, stored_bytes: result.stored_bytes })
    else if (result !== undefined)
      log.error(result.outcome, { failure: result.failure, debris: result.debris.length })
    return result
  }

  /** By the monotonic clock: a wall clock that jumps ends nothing. One that commits is as good as done. */
  #endAfter(timeout: Duration, over: AbortSignal): void {
    this.#world.clock.sleep(timeout, over).then(
      () => this.cancel(new AppError('job.timed-out', { context: { timeout_ms: timeout } })),
      () => {},
    )
  }

  /** Ends the work with this cause, unless it is too late for that. The first cause stays. */
  cancel(cause: AppError): void {
    if (!this.#committing && !this.#controller.signal.aborted) this.#controller.abort(cause)
  }

  /** Says again what a new stream has to know: open uploads, open questions, how far it is. */
  resend(): void {
    for (const [uploadId, key] of this.#uploads) this.#tellOpened(key, uploadId)
    this.grants.resend()
    this.#sendProgress()
  }

  /** Sends the progress that was held back. */
  flushProgress(): void {
    this.#memory.sample()
    if (this.#unsent) this.#sendProgress()
  }

  #voice(): AttemptVoice {
    const { signal } = this.#controller
    return {
      signal,
      leaving: this.#leaving,
      progress: progress => this.#progress(progress),
      touching: () => {},
      uploadOpened: (key, uploadId) => {
        this.#uploads.set(uploadId, key)
        this.#tellOpened(key, uploadId)
      },
      uploadClosed: (key, uploadId, how) => {
        this.#uploads.delete(uploadId)
        this.#send({ $case: 'uploadClosed', value: { attempt: this.#ref, key, uploadId, how } })
      },
      memory: () => this.#memory.peaks,
      children: records => this.#memory.watch(records.map(({ pid }) => pid)),
      grant: (action, keys) => this.grants.ask(action, keys, signal),
      committing: () => {
        this.#committing = true
      },
    }
  }

  #progress(progress: AttemptProgress): void {
    const newStage = progress.stage !== this.#latest.stage
    this.#latest = progress
    this.#unsent = true
    const { mono } = this.#world.clock.now()
    this.#readings = remembered(this.#readings, readingOf(progress, mono))
    if (newStage || mono - this.#sentAt >= progressEvery) this.#sendProgress()
  }

  #sendProgress(): void {
    this.#memory.sample()
    this.#sentAt = this.#world.clock.now().mono
    this.#unsent = false
    const { stage, rawBytes, storedBytes, predictedRawBytes, retries = 0 } = this.#latest
    this.#send({
      $case: 'progress',
      value: {
        attempt: this.#ref,
        report: {
          stage,
          rawBytes,
          storedBytes,
          predictedRawBytes,
          retries,
          ...forecast(this.#readings, workOf(this.#latest).of),
        },
      },
    })
  }

  #tellOpened(key: string, uploadId: string): void {
    const { prefix, destination } = this.recipe.place
    this.#send({
      $case: 'uploadOpened',
      value: {
        attempt: this.#ref,
        key,
        uploadId,
        attemptPrefix: prefix,
        destination: destination.name,
      },
    })
  }
}
