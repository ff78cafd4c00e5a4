import type { Clock } from '../../shared/clock/index.ts'
import type { AppError } from '../../shared/errors/index.ts'
import type { Closable } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import { type CertificateIdentity, LiveMaterial, loadMaterial } from '../../shared/tls/index.ts'
import type { CoordinatorConfig } from '../config.ts'
import type { Principal } from '../operations/principal.ts'
import { Ticker } from '../operations/ticker.ts'
import { type CallerOf, certificateCaller, loopbackCaller } from '../rpc/caller.ts'
import { LiveStreams } from '../rpc/live-streams.ts'
import { Issuer } from './issuer.ts'
import { ServerRenewal } from './renew-server.ts'
import { CertificateStanding } from './standing.ts'

/** How often open streams are judged again: a certificate ends in the middle of one. */
const reviewEvery = 1_000
/** Of a certificate of a year: a try that failed is soon followed by another. */
const renewEvery = 3_600_000

/** Who is let in, and how: by certificate, or everybody of this machine. */
export interface Door extends Closable {
  /** Absent on a plaintext listener. */
  readonly tls?: LiveMaterial
  readonly callerOf: CallerOf
  readonly standing: CertificateStanding
  readonly streams: LiveStreams
  readonly issuer: Issuer
  /** When what this process knows of ends, ms UTC; empty on a plaintext listener. */
  expiries(): readonly Expiry[]
  /** Renews the listener's certificate when it is time; called by the door itself as well. */
  renew(): Promise<boolean>
}

/** The end of a certificate: the listener's, the first CA to end, the first of the agents that are connected. */
export interface Expiry {
  readonly kind: 'server' | 'ca' | 'agent'
  readonly notAfter: Millis
}

/** What was made for operators here: tokens, and certificates with a role of their own. */
export interface Credentials {
  /** Whose certificate it is, when it was issued to somebody here. @throws AppError `access.revoked`, `leader.none` */
  issuedTo(certificate: CertificateIdentity): Principal | undefined
  /** Why who was let in before counts no more. */
  refuses(principal: Principal): AppError | undefined
}

/** @throws AppError `tls.unusable`, `secret.*` */
export async function openDoor(
  config: Pick<CoordinatorConfig, 'tls' | 'operators'>,
  clock: Clock,
  log: Log,
  credentials: Credentials,
): Promise<Door> {
  const standing = new CertificateStanding(clock, config.operators)
  const streams = new LiveStreams(principal => standing.judge(principal) ?? credentials.refuses(principal))
  const ending = new AbortController()
  const review = new Ticker({
    name: 'the review of open streams',
    every: reviewEvery,
    work: async () => {
      streams.review()
    },
    clock,
    log,
    signal: ending.signal,
  })
  const { tls: files } = config
  if (files === undefined)
    return {
      callerOf: loopbackCaller,
      standing,
      streams,
      issuer: new Issuer(undefined, undefined),
      expiries: () => [],
      renew: async () => false,
      close: async () => {
        ending.abort()
        await review.close()
      },
    }
  const tls = await LiveMaterial.open({
    load: () =>
      loadMaterial({
        caFile: files.ca_file,
        certificateFile: files.certificate_file,
        keyFile: files.key_file,
      }),
    clock,
    log,
  })
  const issuer = new Issuer(tls, files.ca_key_file)
  const renewal = new ServerRenewal({ tls, issuer, certificateFile: files.certificate_file, log })
  const renew = () => renewal.look(clock.now().wall)
  const renewing = new Ticker({
    name: "the renewal of the listener's certificate",
    every: renewEvery,
    work: renew,
    clock,
    log,
    signal: ending.signal,
  })
  renewing.wake()
  return {
    tls,
    callerOf: certificateCaller(standing, credentials.issuedTo),
    standing,
    streams,
    issuer,
    renew,
    expiries: () => expiriesOf(tls, streams),
    close: async () => {
      ending.abort()
      await review.close()
      await renewing.close()
      tls.close()
    },
  }
}

function expiriesOf({ current }: LiveMaterial, streams: LiveStreams): readonly Expiry[] {
  const [own] = current.chain
  const first = (ends: readonly Millis[]) => (ends.length === 0 ? [] : [Math.min(...ends)])
  const ends = {
    server: own === undefined ? [] : [own.validToDate.getTime()],
    ca: first(current.ca.map(each => each.validToDate.getTime())),
    agent: first(streams.certificateEnds('agent')),
  }
  return (['server', 'ca', 'agent'] as const).flatMap(kind =>
    ends[kind].map(notAfter => ({ kind, notAfter })),
  )
}
