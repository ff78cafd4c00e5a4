import type { DiscoverySnapshot } from '../../shared/discovery/index.ts'
import type { Failure } from '../../shared/errors/index.ts'
import type { Millis } from '../../shared/time/index.ts'

/** How a discovery source is doing. */
export interface SourceHealth {
  readonly source: string
  readonly ok: boolean
  readonly lastOkAt?: Millis
  readonly failure?: Failure
}

/** What each source last said of itself. */
export class DiscoveryHealth {
  readonly #sources = new Map<string, SourceHealth>()

  /** A source that was configured; it has said nothing yet. */
  expect(source: string): void {
    if (!this.#sources.has(source)) this.#sources.set(source, { source, ok: false })
  }

  take({ source, health }: DiscoverySnapshot, at: Millis): void {
    const before = this.#sources.get(source)
    const lastOkAt = health.kind === 'ok' ? at : before?.lastOkAt
    this.#sources.set(source, {
      source,
      ok: health.kind === 'ok',
      ...(lastOkAt === undefined ? {} : { lastOkAt }),
      ...(health.kind === 'failing' ? { failure: health.error.toFailure() } : {}),
    })
  }

  all(): readonly SourceHealth[] {
    return [...this.#sources.values()]
  }
}
