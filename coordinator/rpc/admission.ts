import { AppError } from '../../shared/errors/index.ts'
import type { Principal } from '../operations/principal.ts'
import { Bucket, type Pace } from './bucket.ts'

/** What one identity may ask for. */
export interface AdmissionLimits {
  readonly calls: Pace
  /** Calls and streams at a time. */
  readonly streams: number
}

interface Guest {
  readonly calls: Bucket
  open: number
}

/** Identities remembered before idle ones are looked for. */
const lookAt = 1_000

/** How many calls each identity makes and has open: one that asks too much is refused, the others notice nothing. */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #now: () => number
  readonly #guests = new Map<string, Guest>()
  #look = lookAt

  /** @param now monotonic milliseconds */
  constructor(limits: AdmissionLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  /**
   * Lets a call in; what comes back is to be called once it is over.
   *
   * @throws AppError `access.flooding`
   */
  enter(principal: Principal, peer: string): () => void {
    const identity = identityOf(principal, peer)
    // agents on plaintext loopback are told apart by their Hello only
    if (identity === undefined) return () => {}
    const guest = this.#guest(identity)
    if (!guest.calls.take(this.#now()))
      throw new AppError('access.flooding', {
        message: 'you ask faster than is allowed',
        context: { calls_per_second: this.#limits.calls.rate },
      })
    if (guest.open >= this.#limits.streams)
      throw new AppError('access.flooding', {
        message: 'you have as many calls open as is allowed',
        context: { streams: this.#limits.streams },
      })
    guest.open++
    let over = false
    return () => {
      if (!over) guest.open--
      over = true
    }
  }

  get size(): number {
    return this.#guests.size
  }

  #guest(identity: string): Guest {
    const known = this.#guests.get(identity)
    if (known !== undefined) return known
    const now = this.#now()
    if (this.#guests.size >= this.#look) {
      for (const [key, each] of this.#guests)
        if (each.open === 0 && each.calls.full(now)) this.#guests.delete(key)
      this.#look = Math.max(lookAt, 2 * this.#guests.size)
    }
    const guest = { calls: new Bucket(this.#limits.calls, now), open: 0 }
    this.#guests.set(identity, guest)
    return guest
  }
}

function identityOf({ kind, name, agentId, roles }: Principal, peer: string): string | undefined {
  if (roles.includes('newcomer')) return `newcomer:${peer.replace(/:\d+$/, '')}`
  if (kind === 'agent') return agentId
  return `operator:${name}`
}
