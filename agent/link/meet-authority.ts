import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { parseHostPort } from '../../shared/config/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { fingerprintOf, minVersion } from '../../shared/tls/index.ts'

const patienceMs = 15_000

/**
 * The CA of a coordinator, recognised by its fingerprint among what the coordinator shows. Nothing is sent on this
 * connection: it is closed, and the next one is verified by the CA found.
 *
 * @throws AppError `enrol.wrong-authority`, `coordinator.unreachable`
 */
export function meetAuthority(address: string, fingerprint: string): Promise<X509Certificate> {
  const { host, port } = parseHostPort(address) ?? { host: address, port: 0 }
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        host,
        port,
        ...(isIP(host) === 0 ? { servername: host } : {}),
        rejectUnauthorized: false,
        minVersion,
        ALPNProtocols: ['h2'],
        timeout: patienceMs,
      },
      () => {
        const authority = shown(socket.getPeerX509Certificate()).find(
          each => fingerprintOf(each) === fingerprint,
        )
        socket.destroy()
        if (authority === undefined) reject(new AppError('enrol.wrong-authority', { context: { address } }))
        else resolve(authority)
      },
    )
    const unreachable = (detail: string, cause?: unknown) => {
      socket.destroy()
      reject(new AppError('coordinator.unreachable', { context: { address, detail }, cause }))
    }
    socket.on('error', error => unreachable(error.message, error))
    socket.on('timeout', () => unreachable('no answer'))
  })
}

/** A peer's certificate and those above it. */
function shown(leaf: X509Certificate | undefined): readonly X509Certificate[] {
  const chain: X509Certificate[] = []
  for (let at = leaf; at !== undefined && chain.length < 8; at = at.issuerCertificate) {
    if (chain.some(each => each.raw.equals(at?.raw ?? Buffer.alloc(0)))) break
    chain.push(at)
  }
  return chain
}
