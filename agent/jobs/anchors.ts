import { AppError } from '../../shared/errors/index.ts'
import { anchorPrefix, type ObjectStore, objectKey } from '../../shared/object-store/index.ts'
import { failureToWire } from '../../shared/wire/failure.ts'
import type { AnchorReply, AnchorTask } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { destinationFrom } from './destination.ts'
import type { Surroundings } from './surroundings.ts'

const day = 86_400_000
/** An anchor says which row has which hash: a kilobyte is more than enough. */
const largestAnchor = 4_096
/** Keys of one reply; far below what one message may hold. */
const keysAtOnce = 1_000
/** One task takes no longer, ms. */
const longest = 60_000
/** A coordinator asks one thing at a time; more at once is a wrong one. */
const mostAtOnce = 4

/** What a keeper does with heads of the audit chain. */
export interface AnchorKeeping {
  readonly keeper: boolean
  readonly world: Pick<Surroundings, 'openStore' | 'clock' | 'log'>
  /** Says it at the stream's pace; false when nobody listens. */
  readonly send: (reply: AnchorReply) => Promise<boolean>
}

/**
 * Puts heads of the audit chain into a bucket and tells which lie there. Everything is below `v1/anchors/`, and
 * nothing there is ever replaced or deleted from here: a coordinator in wrong hands can only add.
 */
export class Anchors {
  readonly #keeping: AnchorKeeping
  readonly #leaving = new AbortController()
  readonly #working = new Set<Promise<void>>()

  constructor(keeping: AnchorKeeping) {
    this.#keeping = keeping
  }

  /** Takes a task on; the answer follows. Never throws. */
  take(task: AnchorTask): void {
    const working = this.#answer(task).finally(() => this.#working.delete(working))
    this.#working.add(working)
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#leaving.abort(new AppError('interrupted'))
    await Promise.all(this.#working)
  }

  async #answer(task: AnchorTask): Promise<void> {
    const { taskId } = task
    const { send, world } = this.#keeping
    try {
      if (this.#working.size >= mostAtOnce)
        throw new AppError('link.protocol', { message: 'too many anchor tasks at the same time' })
      const keys = await this.#work(task)
      const chunks = Math.max(1, Math.ceil(keys.length / keysAtOnce))
      for (let chunk = 0; chunk < chunks; chunk++) {
        const some = keys.slice(chunk * keysAtOnce, (chunk + 1) * keysAtOnce)
        const heard = await send({ taskId, failure: undefined, keys: some, last: chunk === chunks - 1 })
        if (!heard) return
      }
    } catch (thrown) {
      const error = AppError.from(thrown)
      world.log.warn('an anchor of the audit could not be kept', { error })
      await send({ taskId, failure: failureToWire(error), keys: [], last: true }).catch(() => false)
    }
  }

  async #work({ destination: wire, what }: AnchorTask): Promise<readonly string[]> {
    const { keeper, world } = this.#keeping
    if (!keeper) throw new AppError('link.protocol', { message: 'this agent is no keeper' })
    const path = what?.$case === 'write' ? what.value.key : what?.value.prefix
    if (what === undefined || path?.startsWith(anchorPrefix) !== true)
      throw new AppError('link.protocol', { message: `an anchor lies below ${anchorPrefix}` })
    const destination = destinationFrom(wire)
    const signal = AbortSignal.any([this.#leaving.signal, AbortSignal.timeout(longest)])
    const store = await world.openStore(destination)
    try {
      if (what.$case === 'read') return await keysBelow(store, what.value.prefix, signal)
      await keep(store, what.value, signal)
      const lock = destination.settings?.objectLock
      if (lock !== undefined) {
        const until = world.clock.now().wall + lock.days * day
        await store.retain([objectKey(what.value.key)], { mode: lock.mode, until }, signal)
      }
      return []
    } finally {
      await store.close()
    }
  }
}

async function keysBelow(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix, signal)) keys.push(key)
  return keys
}

async function keep(
  store: ObjectStore,
  { key, content }: { readonly key: string; readonly content: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  if (content.byteLength > largestAnchor)
    throw new AppError('link.protocol', { message: 'an anchor is a few lines, this is more' })
  await store.put(objectKey(key), content, { ifAbsent: true, contentType: 'application/json', signal })
}
