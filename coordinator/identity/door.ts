import type { Clock } from '../../shared/clock/index.ts'
import type { Closable } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { LiveMaterial, loadMaterial } from '../../shared/tls/index.ts'
import type { CoordinatorConfig } from '../config.ts'
import { Ticker } from '../operations/ticker.ts'
import { type CallerOf, certificateCaller, loopbackCaller } from '../rpc/caller.ts'
import { LiveStreams } from '../rpc/live-streams.ts'
import { Issuer } from './issuer.ts'
import { CertificateStanding } from './standing.ts'

/** How often open streams are judged again: a certificate ends in the middle of one. */
const reviewEvery = 1_000

/** Who is let in, and how: by certificate, or everybody of this machine. */
export interface Door extends Closable {
  /** Absent on a plaintext listener. */
  readonly tls?: LiveMaterial
  readonly callerOf: CallerOf
  readonly standing: CertificateStanding
  readonly streams: LiveStreams
  readonly issuer: Issuer
}

/** @throws AppError `tls.unusable`, `secret.*` */
export async function openDoor(
  config: Pick<CoordinatorConfig, 'tls' | 'operators'>,
  clock: Clock,
  log: Log,
): Promise<Door> {
  const standing = new CertificateStanding(clock, config.operators)
  const streams = new LiveStreams(principal => standing.judge(principal))
  const { tls: files } = config
  if (files === undefined)
    return {
      callerOf: loopbackCaller,
      standing,
      streams,
      issuer: new Issuer(undefined, undefined),
      close: () => {},
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
  return {
    tls,
    callerOf: certificateCaller(standing),
    standing,
    streams,
    issuer: new Issuer(tls, files.ca_key_file),
    close: async () => {
      ending.abort()
      await review.close()
      tls.close()
    },
  }
}
