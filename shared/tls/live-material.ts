import type { Clock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import type { Log } from '../log/index.ts'
import type { Duration } from '../time/index.ts'
import type { Material } from './material.ts'

/** How often files are looked at again: polling sees what a mounted secret's links and an editor's rename hide. */
const lookEvery: Duration = 5_000

export interface LiveMaterialOptions {
  readonly load: () => Promise<Material>
  readonly clock: Clock
  readonly log: Log
}

/**
 * Certificates and keys that are read again when their files change. What cannot be used (half-written, a key of another
 * certificate) is told in the log once and changes nothing.
 */
export class LiveMaterial {
  readonly #options: LiveMaterialOptions
  readonly #listeners = new Set<(material: Material) => void>()
  readonly #closing = new AbortController()
  #current: Material
  #told: string | undefined

  private constructor(current: Material, options: LiveMaterialOptions) {
    this.#current = current
    this.#options = options
    void this.#watch()
  }

  /** @throws AppError when the files cannot be used now */
  static async open(options: LiveMaterialOptions): Promise<LiveMaterial> {
    return new LiveMaterial(await options.load(), options)
  }

  get current(): Material {
    return this.#current
  }

  /** Calls `listener` at each change from now on. */
  onChange(listener: (material: Material) => void): void {
    this.#listeners.add(listener)
  }

  /** Looks at the files now. */
  async look(): Promise<void> {
    let next: Material
    try {
      next = await this.#options.load()
      this.#told = undefined
    } catch (thrown) {
      const error = AppError.from(thrown)
      if (this.#told !== error.message)
        this.#options.log.warn('changed certificates cannot be used; those before stay in use', { error })
      this.#told = error.message
      return
    }
    if (next.print === this.#current.print || this.#closing.signal.aborted) return
    this.#current = next
    this.#options.log.info('certificates were read again', {
      not_after: next.chain[0]?.validToDate.toISOString(),
      authorities: next.ca.length,
    })
    for (const listener of this.#listeners) listener(next)
  }

  close(): void {
    this.#closing.abort()
  }

  async #watch(): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      try {
        await clock.sleep(lookEvery, this.#closing.signal)
      } catch {
        return
      }
      await this.look()
    }
  }
}
