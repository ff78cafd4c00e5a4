import type { Clock } from '../../../shared/clock/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type {
  ObjectInfo,
  ObjectKey,
  ObjectStore,
  ObjectStoreCapabilities,
  OpenUpload,
  PartReceipt,
  Retention,
  Verified,
} from '../../../shared/object-store/port.ts'
import type { Duration } from '../../../shared/time/index.ts'
import { type FanOutTarget, Site } from './site.ts'

export type { FanOutTarget } from './site.ts'

export interface FanOutOptions {
  /** At least one; names differ. */
  readonly targets: readonly FanOutTarget[]
  /** As many must go on to the end, else the attempt fails: 1 to the number of targets. */
  readonly minCopies: number
  /** How long the others may be held up by one, in all, ms. */
  readonly patience: Duration
  readonly clock: Clock
  readonly onGivenUp?: (destination: string, error: AppError) => void
}

/** An object's upload in one destination, its parts stored. */
export interface SiteUpload {
  readonly destination: string
  readonly uploadId: string
  readonly parts: readonly PartReceipt[]
}

/** A store that wants to know when a writer waits for it. */
export interface PressableStore extends ObjectStore {
  /** A writer of these keys waits until its last part is stored; told until the answer is called. */
  heldUp?(keys: ReadonlySet<ObjectKey>): () => void
}

interface FannedUpload {
  readonly key: ObjectKey
  readonly at: Map<Site, { readonly upload: OpenUpload; readonly parts: PartReceipt[] }>
  /** Parts on their way to a destination, each until it is there, failed, or the destination was given up. */
  readonly underWay: Set<Promise<unknown>>
}

/** One thing being done in every destination: who is not done yet, and whether somebody waits for it. */
interface Turn {
  readonly key: ObjectKey | undefined
  readonly pending: Set<Site>
  readonly holds: Map<Site, () => void>
  done: number
}

/** How long the clean-up in a destination that was given up may take, ms; a copy job sweeps what stays. */
const tidyMs = 10_000

/**
 * Several destinations as one store to write to: every part goes to each from the same buffer, which is free
 * again when every destination that still takes part has it. A destination that fails, or that has held the
 * writers up for longer than the patience in all, is given up as long as `minCopies` others are left; its uploads
 * are aborted, and a copy job makes its copy later. Time counts only while a writer really waits and enough others
 * are done: a slower destination behind a still slower dump costs nothing.
 *
 * Upload ids are its own; `uploadsOf` tells the true ones of each destination.
 */
export class FanOutStore implements PressableStore {
  readonly capabilities: ObjectStoreCapabilities
  readonly #options: FanOutOptions
  readonly #sites: readonly Site[]
  readonly #uploads = new Map<string, FannedUpload>()
  readonly #pressed = new Set<ReadonlySet<ObjectKey>>()
  readonly #turns = new Set<Turn>()
  readonly #tidying = new Set<Promise<void>>()

  constructor(options: FanOutOptions) {
    this.#options = options
    this.#sites = options.targets.map(
      target =>
        new Site(target, {
          clock: options.clock,
          patience: options.patience,
          onOutOfPatience: (site, heldFor) => this.#giveUp(site, lagging(site, heldFor, options.patience)),
        }),
    )
    const [first, ...others] = options.targets.map(({ store }) => store.capabilities)
    if (first === undefined || options.minCopies < 1 || options.minCopies > options.targets.length)
      throw new RangeError('a fan-out needs 1 to n of n destinations')
    this.capabilities = others.reduce(narrower, first)
  }

  get url(): string {
    return this.#sites.map(({ store }) => store.url).join(' and ')
  }

  get retries(): number {
    return this.#sites.reduce((sum, { store }) => sum + (store.retries ?? 0), 0)
  }

  /** Names of the destinations that still take part. */
  get active(): readonly string[] {
    return this.#active().map(({ name }) => name)
  }

  /** Those that do not, and why. */
  get givenUp(): readonly { readonly destination: string; readonly error: AppError }[] {
    return this.#sites.flatMap(({ name, error }) =>
      error === undefined ? [] : [{ destination: name, error }],
    )
  }

  /** What was stored of an object where: one entry for each destination that still takes part. */
  uploadsOf(uploadId: string): readonly SiteUpload[] {
    const fanned = this.#fanned(uploadId)
    return [...fanned.at].flatMap(([site, { upload, parts }]) =>
      site.active ? [{ destination: site.name, uploadId: upload.uploadId, parts: inOrder(parts) }] : [],
    )
  }

  heldUp(keys: ReadonlySet<ObjectKey>): () => void {
    this.#pressed.add(keys)
    for (const turn of this.#turns) this.#review(turn)
    return () => {
      this.#pressed.delete(keys)
      for (const turn of this.#turns) this.#review(turn)
    }
  }

  async check(signal?: AbortSignal): Promise<void> {
    await this.#everywhere(undefined, signal, (site, stop) => site.store.check(stop))
  }

  async put(
    key: ObjectKey,
    bytes: Uint8Array,
    options: Parameters<ObjectStore['put']>[2] = {},
  ): Promise<void> {
    await this.#everywhere(undefined, options.signal, (site, signal) =>
      site.store.put(key, bytes, { ...options, signal }),
    )
  }

  head(key: ObjectKey, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.#first().store.head(key, signal)
  }

  read(key: ObjectKey, options?: Parameters<ObjectStore['read']>[1]): AsyncIterable<Uint8Array> {
    return this.#first().store.read(key, options)
  }

  list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    return this.#first().store.list(prefix, signal)
  }

  async delete(keys: readonly ObjectKey[], signal?: AbortSignal): Promise<void> {
    await this.#everywhere(undefined, signal, (site, stop) => site.store.delete(keys, stop))
  }

  async createUpload(key: ObjectKey, signal?: AbortSignal): Promise<OpenUpload> {
    const made = await this.#everywhere(undefined, signal, async (site, stop) => {
      const upload = await site.store.createUpload(key, stop)
      if (!site.active) this.#tidy(site, upload)
      return upload
    })
    const uploadId = `fan-out-${this.#uploads.size + 1}`
    this.#uploads.set(uploadId, {
      key,
      underWay: new Set(),
      at: new Map(
        this.#sites.flatMap(site => {
          const upload = made.get(site)
          return upload === undefined ? [] : [[site, { upload, parts: [] }]]
        }),
      ),
    })
    return { key, uploadId }
  }

  async uploadPart(
    { key, uploadId }: OpenUpload,
    number: number,
    bytes: Uint8Array,
    sha256: string,
    signal?: AbortSignal,
  ): Promise<PartReceipt> {
    const { at, underWay } = this.#fanned(uploadId)
    await this.#everywhere(key, signal, async (site, stop) => {
      const here = at.get(site)
      if (here === undefined)
        throw new AppError('internal', { message: 'an upload was not opened everywhere' })
      const sending = site.store.uploadPart(here.upload, number, bytes, sha256, stop)
      const settled: Promise<unknown> = Promise.race([sending.then(nothing, nothing), site.gone]).finally(
        () => underWay.delete(settled),
      )
      underWay.add(settled)
      here.parts.push(await sending)
    })
    return { number, size: bytes.length, sha256, etag: '' }
  }

  async completeUpload(
    { uploadId }: OpenUpload,
    _parts: readonly PartReceipt[],
    signal?: AbortSignal,
  ): Promise<Verified> {
    const { at } = this.#fanned(uploadId)
    const verified = await this.#everywhere(undefined, signal, async (site, stop) => {
      const here = at.get(site)
      return here === undefined ? 'size' : site.store.completeUpload(here.upload, inOrder(here.parts), stop)
    })
    return [...verified.values()].every(each => each === 'checksum') ? 'checksum' : 'size'
  }

  async retain(keys: readonly ObjectKey[], retention: Retention, signal?: AbortSignal): Promise<void> {
    await this.#everywhere(undefined, signal, (site, stop) => site.store.retain(keys, retention, stop))
  }

  /** Aborts everywhere; what a destination that was given up does not answer is a copy job's to sweep. */
  async abortUpload({ key, uploadId }: OpenUpload, signal?: AbortSignal): Promise<void> {
    const fanned = this.#uploads.get(uploadId)
    // a part that arrives behind the abort would stay, and nobody would own it
    if (fanned !== undefined) await within(signal, Promise.all(fanned.underWay))
    const targets =
      fanned === undefined
        ? this.#foreign(key, uploadId)
        : [...fanned.at].map(([site, { upload }]) => ({ site, upload }))
    const ends = await Promise.allSettled(
      targets.map(({ site, upload }) =>
        site.store.abortUpload(upload, signal).catch((thrown: unknown) => {
          if (site.active) throw thrown
        }),
      ),
    )
    const failed = ends.find(end => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** Open uploads of every destination that takes part, each under an id that names it. */
  async *listUploads(prefix: string, signal?: AbortSignal): AsyncIterable<OpenUpload> {
    for (const site of this.#active())
      for await (const { key, uploadId } of site.store.listUploads(prefix, signal))
        yield { key, uploadId: `${site.name}\n${uploadId}` }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#tidying)
    await Promise.all(this.#sites.map(({ store }) => store.close()))
  }

  #active(): readonly Site[] {
    return this.#sites.filter(({ active }) => active)
  }

  #first(): Site {
    const [first] = this.#active()
    if (first === undefined) throw new AppError('internal', { message: 'no destination is left' })
    return first
  }

  #fanned(uploadId: string): FannedUpload {
    const fanned = this.#uploads.get(uploadId)
    if (fanned === undefined)
      throw new AppError('internal', { message: 'an upload that was not opened here' })
    return fanned
  }

  #foreign(key: ObjectKey, id: string): readonly { readonly site: Site; readonly upload: OpenUpload }[] {
    const [name, uploadId = ''] = id.split('\n')
    return this.#sites.flatMap(site => (site.name === name ? [{ site, upload: { key, uploadId } }] : []))
  }

  /**
   * Does something in every destination that takes part; resolves with what each answered, when all of them have
   * or were given up. Rejects when too few would be left.
   *
   * @param key what is waited for when a writer presses; undefined: somebody waits in any case
   */
  async #everywhere<T>(
    key: ObjectKey | undefined,
    signal: AbortSignal | undefined,
    act: (site: Site, signal: AbortSignal) => Promise<T>,
  ): Promise<ReadonlyMap<Site, T>> {
    const sites = this.#active()
    const answers = new Map<Site, T>()
    const turn: Turn = { key, pending: new Set(sites), holds: new Map(), done: 0 }
    this.#turns.add(turn)
    const one = async (site: Site): Promise<void> => {
      const stop = signal === undefined ? site.stop.signal : AbortSignal.any([signal, site.stop.signal])
      const acted = act(site, stop).then(answer => {
        if (site.active) answers.set(site, answer)
      })
      try {
        // one that does not obey its signal is not waited for either
        await Promise.race([acted, site.gone])
        if (site.active) turn.done++
      } catch (thrown) {
        if (!site.active) return
        if (signal?.aborted === true || !this.#giveUp(site, AppError.from(thrown, 'object-store.failed')))
          throw thrown
      } finally {
        acted.catch(() => {})
        turn.pending.delete(site)
        turn.holds.get(site)?.()
        this.#review(turn)
      }
    }
    try {
      await Promise.all(sites.map(one))
    } finally {
      this.#turns.delete(turn)
      for (const release of turn.holds.values()) release()
    }
    for (const site of answers.keys()) if (!site.active) answers.delete(site)
    return answers
  }

  /** Starts and stops the clocks of those that are waited for. */
  #review(turn: Turn): void {
    const waited = turn.key === undefined || [...this.#pressed].some(keys => turn.key && keys.has(turn.key))
    const holding = waited && turn.done >= this.#options.minCopies
    for (const site of turn.pending) {
      const release = turn.holds.get(site)
      if (holding && release === undefined) turn.holds.set(site, site.hold())
      if (!holding && release !== undefined) {
        release()
        turn.holds.delete(site)
      }
    }
  }

  /** Goes on without a destination, when enough are left. */
  #giveUp(site: Site, error: AppError): boolean {
    if (!site.active) return true
    if (this.#active().length <= this.#options.minCopies) return false
    site.giveUp(error)
    for (const { at } of this.#uploads.values()) {
      const here = at.get(site)
      if (here !== undefined) this.#tidy(site, here.upload)
    }
    this.#options.onGivenUp?.(site.name, error)
    return true
  }

  #tidy(site: Site, upload: OpenUpload): void {
    const tidied: Promise<void> = site.store
      .abortUpload(upload, AbortSignal.timeout(tidyMs))
      .catch(() => {})
      .finally(() => this.#tidying.delete(tidied))
    this.#tidying.add(tidied)
  }
}

function nothing(): void {}

/** Waits until it is done or the signal is aborted. */
function within(signal: AbortSignal | undefined, work: Promise<unknown>): Promise<unknown> {
  if (signal === undefined) return work
  const stop = new AbortController()
  const aborted = new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true, signal: stop.signal })
  })
  return Promise.race([work, aborted]).finally(() => stop.abort())
}

/** Parts arrive as they come, several on their way at once. */
function inOrder(parts: readonly PartReceipt[]): readonly PartReceipt[] {
  return parts.toSorted((one, other) => one.number - other.number)
}

/** Every object must be the same everywhere, so the narrowest store says how it is cut. */
function narrower(one: ObjectStoreCapabilities, other: ObjectStoreCapabilities): ObjectStoreCapabilities {
  return {
    ...one,
    maxParts: Math.min(one.maxParts, other.maxParts),
    minPartSize: Math.max(one.minPartSize, other.minPartSize),
    maxPartSize: Math.min(one.maxPartSize, other.maxPartSize),
    equalParts: one.equalParts || other.equalParts,
    conditionalPut: one.conditionalPut && other.conditionalPut,
    objectLock: one.objectLock && other.objectLock,
  }
}

function lagging(site: Site, heldFor: Duration, patience: Duration): AppError {
  return new AppError('copy.lagging', {
    context: { destination: site.name, held_up_ms: Math.round(heldFor), patience_ms: patience },
  })
}
