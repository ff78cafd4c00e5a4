import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js'
import { AppError } from '../errors/index.ts'
import { type Material, secureContext } from '../tls/index.ts'

/** The most a frame or message may have, bytes; both ends set it (facts-runtime §4: the default is 4 MiB). */
export const largestMessage = 8 << 20

/** Said in the handshake where a coordinator is dialled by its address. */
const nameless = 'coordinator.holdfast.invalid'

/** How to reach a coordinator. */
export interface ChannelTarget {
  /** `host:port`. */
  readonly address: string
  readonly credentials: ChannelCredentials
  readonly options: ChannelOptions
}

/**
 * Keepalive of a client: a peer that is gone without a word is noticed within `time + timeout`, 30 s. The
 * link counts on that for its lease (architecture §10).
 */
export const keepalive = { timeMs: 20_000, timeoutMs: 10_000 } as const

/**
 * What a client of the coordinator dials with: TLS 1.3 where it has anything to verify the coordinator by. Plaintext is
 * for loopback only and must be asked for.
 *
 * @throws AppError `link.plaintext-refused`
 */
export function clientChannel(target: {
  readonly address: string
  readonly insecureLoopback: boolean
  /** The CA it trusts, and the certificate it shows, if any. */
  readonly tls?: Material
}): ChannelTarget {
  const host = target.address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  const { tls } = target
  if (tls === undefined && (!target.insecureLoopback || !isLoopback(host)))
    throw new AppError('link.plaintext-refused', { context: { address: target.address } })
  return {
    address: target.address,
    credentials: tls === undefined ? credentials.createInsecure() : verified(tls, host),
    options: {
      ...(tls !== undefined && isIP(host) !== 0 ? { 'grpc.ssl_target_name_override': nameless } : {}),
      'grpc.keepalive_time_ms': keepalive.timeMs,
      'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
      'grpc.keepalive_permit_without_calls': 0,
      'grpc.max_receive_message_length': largestMessage,
      // we have a back-off of our own; the channel's must not add to it
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.enable_http_proxy': 0,
    },
  }
}

/**
 * The peer must be `host` by its certificate. An address cannot be said as a server name (RFC 6066): the placeholder goes
 * into the handshake in its place, and the address is what is checked.
 */
function verified(tls: Material, host: string): ChannelCredentials {
  return credentials.createFromSecureContext(
    secureContext(tls),
    isIP(host) === 0
      ? {}
      : { checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate) },
  )
}

/** Whether a host names this machine only: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}
