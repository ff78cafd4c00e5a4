import type { AppError } from '../../shared/errors/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { Principal } from '../operations/principal.ts'

/** A stream that is open, and how it is cut. */
export interface LiveStream {
  readonly principal: Principal
  readonly path: string
  cut(error: AppError): void
}

/**
 * Streams outlive the call that let them in: each is judged again, on a period and at once after a revocation, and cut
 * when its holder would be refused now (revoked, certificate over).
 */
export class LiveStreams {
  readonly #open = new Set<LiveStream>()
  readonly #judge: (principal: Principal) => AppError | undefined

  /** @param judge why a principal that was let in would be refused now */
  constructor(judge: (principal: Principal) => AppError | undefined) {
    this.#judge = judge
  }

  get size(): number {
    return this.#open.size
  }

  /** Takes a stream under review; returns what ends that. */
  add(stream: LiveStream): () => void {
    this.#open.add(stream)
    return () => this.#open.delete(stream)
  }

  /** When the certificates end that open streams were let in by. */
  certificateEnds(kind: 'agent' | 'operator'): readonly Millis[] {
    return [...this.#open].flatMap(({ principal: { certificate } }) =>
      certificate?.kind === kind ? [certificate.notAfter] : [],
    )
  }

  /** Judges every open stream; returns how many were cut. */
  review(): number {
    let cut = 0
    for (const stream of [...this.#open]) {
      const no = this.#judge(stream.principal)
      if (no === undefined) continue
      this.#open.delete(stream)
      stream.cut(no)
      cut++
    }
    return cut
  }
}
