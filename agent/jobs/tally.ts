import type { ChildRecord } from '../process/index.ts'
import type { AttemptProgress, AttemptVoice } from './surroundings.ts'

/** How far one stream is. */
export interface StreamBytes {
  readonly rawBytes: number
  readonly storedBytes: number
}

/** Sums what streams that run at the same time tell into one progress, and their children into one list. */
export class Tally {
  readonly #voice: AttemptVoice
  readonly #fixed: Partial<AttemptProgress> & Pick<AttemptProgress, 'predictedRawBytes'>
  readonly #bytes = new Map<string, StreamBytes>()
  readonly #children = new Map<string, readonly ChildRecord[]>()
  readonly #active = new Set<string>()

  /** @param fixed what is known of the whole; wins over the sums */
  constructor(
    voice: AttemptVoice,
    fixed: Partial<AttemptProgress> & Pick<AttemptProgress, 'predictedRawBytes'>,
  ) {
    this.#voice = voice
    this.#fixed = fixed
  }

  /** Raw bytes of all streams so far. */
  get rawBytes(): number {
    return [...this.#bytes.values()].reduce((sum, each) => sum + each.rawBytes, 0)
  }

  /** A stream tells how far it is. */
  progress(stream: string, now: StreamBytes): void {
    this.#bytes.set(stream, now)
    this.#active.add(stream)
    this.#voice.progress({
      // a new stage is told at once: names that take turns would be told all the time
      stage: this.#active.size > 1 ? 'streams' : stream,
      rawBytes: this.rawBytes,
      storedBytes: [...this.#bytes.values()].reduce((sum, each) => sum + each.storedBytes, 0),
      ...this.#fixed,
    })
  }

  /** A stream's children. */
  children(stream: string, records: readonly ChildRecord[]): void {
    this.#children.set(stream, records)
    this.#voice.children([...this.#children.values()].flat())
  }

  /** A stream has ended, its children with it. */
  ended(stream: string): void {
    this.#active.delete(stream)
    this.#children.delete(stream)
    this.#voice.children([...this.#children.values()].flat())
  }
}
