import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Closable } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import {
  certificateRequest,
  type LiveMaterial,
  type Material,
  proofOfKey,
  readPrivateKey,
} from '../../shared/tls/index.ts'
import type { ChannelTarget } from '../../shared/wire/channel.ts'
import type { Certificates } from '../identity/certificates.ts'
import { askToRenew } from './enrolment.ts'

/** No timer sleeps longer: clocks are set, machines are suspended. */
const longestSleep: Duration = 10 * 60_000
/** Between two tries while the coordinator is away or says no. */
const retryAfter: Duration = 60_000

/** Between two renewals that succeeded. */
const leastBetween: Duration = 86_400_000

export interface RenewalOptions {
  readonly certificates: Certificates
  readonly live: LiveMaterial
  readonly channel: () => ChannelTarget
  readonly clock: Clock
  readonly log: Log
}

/**
 * Renews the certificate at one third of its life, with a new key proven by the old one. Goes on after its end too, since
 * the coordinator takes the proof for some time: a long outage locks nobody out.
 */
export class Renewal implements Closable {
  readonly #options: RenewalOptions
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: RenewalOptions) {
    this.#options = options
  }

  begin(): void {
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, live, log } = this.#options
    let wait: Duration = 0
    let notBefore = 0
    while (!this.#closing.signal.aborted) {
      await clock.sleep(wait, this.#closing.signal).catch(() => {})
      if (this.#closing.signal.aborted) return
      const due = renewAt(live.current)
      const { wall, mono } = clock.now()
      const left = Math.max(due - wall, notBefore - mono)
      wait = Math.min(longestSleep, Math.max(0, left))
      if (left > 0) continue
      try {
        await this.#renew()
        // to a clock that is weeks ahead the new one is due at once, too
        notBefore = clock.now().mono + leastBetween
        wait = 0
      } catch (thrown) {
        wait = retryAfter
        log.warn('the certificate could not be renewed; tried again', {
          error: AppError.from(thrown),
          not_after: live.current.chain[0]?.validToDate.toISOString(),
        })
      }
    }
  }

  async #renew(): Promise<void> {
    const { certificates, live, channel, log } = this.#options
    const { chain, key } = live.current
    const [old] = chain
    if (old === undefined || key === undefined) return
    const next = await certificates.nextKey()
    const request = await certificateRequest(next)
    const answer = await askToRenew(channel(), {
      certificateDer: old.raw,
      certificateRequestDer: request,
      proof: proofOfKey(readPrivateKey(key, 'agent.pem'), old.raw, request),
    })
    await certificates.take(next, answer)
    await live.look()
    log.info('the certificate was renewed', { not_after: live.current.chain[0]?.validToDate.toISOString() })
  }
}

/** One third into the life of a certificate. */
export function renewAt({ chain: [own] }: Pick<Material, 'chain'>): Millis {
  if (own === undefined) return Number.POSITIVE_INFINITY
  const from = own.validFromDate.getTime()
  return from + (own.validToDate.getTime() - from) / 3
}
