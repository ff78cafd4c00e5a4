import { AppError } from '../../../shared/errors/index.ts'
import type { ObjectStore } from '../../../shared/object-store/port.ts'

/** What a download needs of a store. */
export type ObjectSource = Pick<ObjectStore, 'head' | 'read' | 'copySource'>

/** One place that holds the same objects under the same keys. */
export interface SourceCopy {
  /** Name of the destination. */
  readonly name: string
  readonly store: ObjectSource
}

/** Told when something came from another copy than the one that was asked first. */
export type OnFallback = (from: string, to: string, error: AppError) => void

/**
 * Several copies of a backup as one source: what one cannot give, the next is asked for. A copy that failed once
 * is asked last from then on, so that an unreachable region costs its time-outs once and not for every part.
 */
export class CopySources implements ObjectSource {
  readonly #onFallback: OnFallback
  #copies: readonly SourceCopy[]

  /** @param copies at least one, in the order they are to be tried */
  constructor(copies: readonly SourceCopy[], onFallback: OnFallback = () => {}) {
    if (copies.length === 0) throw new RangeError('a source needs a copy')
    this.#copies = copies
    this.#onFallback = onFallback
  }

  /** The sources of a store that is one, or of any other as the only copy. */
  static of(store: ObjectSource): CopySources {
    return store instanceof CopySources ? store : new CopySources([{ name: '', store }])
  }

  /** The copies in the order they would be asked now. */
  get copies(): readonly SourceCopy[] {
    return this.#copies
  }

  /**
   * Does something with the first copy that it goes well with.
   *
   * @throws AppError of the copy asked first when none is left; the signal's cause
   */
  async first<T>(signal: AbortSignal | undefined, act: (store: ObjectSource) => Promise<T>): Promise<T> {
    const tried: { readonly copy: SourceCopy; readonly error: AppError }[] = []
    for (const copy of this.#copies) {
      try {
        const answer = await act(copy.store)
        for (const { copy: failed, error } of tried) this.#demote(failed, copy, error)
        return answer
      } catch (thrown) {
        const error = AppError.from(thrown, 'object-store.failed')
        if (signal?.aborted === true) throw error
        tried.push({ copy, error })
      }
    }
    const [head, ...rest] = tried.map(({ error }) => error)
    if (head === undefined) throw new AppError('internal')
    if (rest.length === 0) throw head
    throw new AppError(head.code, {
      message: head.message,
      hint: head.traits.hint,
      context: {
        ...head.context,
        copies_tried: tried.map(({ copy, error }) => `${copy.name}: ${error.message}`),
      },
      cause: head,
    })
  }

  head(...[key, signal]: Parameters<ObjectStore['head']>): ReturnType<ObjectStore['head']> {
    return this.first(signal, store => store.head(key, signal))
  }

  /** Reads from the copy that is asked first; only `first` can fall back, since it knows what is right. */
  read(...args: Parameters<ObjectStore['read']>): AsyncIterable<Uint8Array> {
    const [copy] = this.#copies
    if (copy === undefined) throw new AppError('internal')
    return copy.store.read(...args)
  }

  #demote(failed: SourceCopy, used: SourceCopy, error: AppError): void {
    // streams that run beside each other may tell of it more than once
    if (this.#copies.indexOf(failed) > this.#copies.indexOf(used)) return
    this.#copies = [...this.#copies.filter(each => each !== failed), failed]
    this.#onFallback(failed.name, used.name, error)
  }
}
