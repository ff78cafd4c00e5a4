import { AppError } from '../shared/errors/index.ts'
import type { AgentId } from '../shared/model/identifiers.ts'
import { certificateRequest, type JoinToken, material } from '../shared/tls/index.ts'
import { clientChannel } from '../shared/wire/channel.ts'
import { Certificates } from './identity/certificates.ts'
import { askToEnrol } from './link/enrolment.ts'
import { meetAuthority } from './link/meet-authority.ts'

/**
 * Joins this host to a fleet: meets the CA that the token names, then asks it, over a connection it verifies, to certify a
 * key made here. Asked again after a lost answer it sends the same key, and gets the same identity.
 *
 * @throws AppError `enrol.*`, `tls.exists` when the host has joined, `coordinator.*`, `agent.state-*`
 */
export async function join(options: {
  readonly address: string
  readonly stateDir: string
  readonly token: JoinToken
  readonly hostname: string
}): Promise<AgentId> {
  const { address, stateDir, token, hostname } = options
  const certificates = await Certificates.open(stateDir)
  if (await certificates.present())
    throw new AppError('tls.exists', {
      message: 'this host has joined already',
      context: { path: stateDir },
      hint: 'To join anew, move that file away first.',
    })
  const authority = await meetAuthority(address, token.fingerprint)
  const channel = clientChannel({
    address,
    insecureLoopback: false,
    tls: material([authority], [], undefined),
  })
  const key = await certificates.nextKey()
  const answer = await askToEnrol(channel, {
    joinToken: token.text,
    certificateRequestDer: await certificateRequest(key),
    hostname,
  })
  return certificates.take(key, answer)
}
