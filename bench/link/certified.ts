import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import { newId } from '../../shared/clock/index.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import {
  certify,
  lives,
  material,
  newPrivateKey,
  openAuthority,
  parseCertificates,
  privateKeyPem,
  publicKeyOf,
  validity,
} from '../../shared/tls/index.ts'
import { clientChannel } from '../../shared/wire/channel.ts'

/** PEM of an authority, so that a load process can certify its own agents. */
export interface AuthorityPem {
  readonly certificate: string
  readonly key: string
}

/** Who an agent is on the link. */
export interface AgentIdentity {
  readonly agentId: AgentId
  readonly credentials: ChannelCredentials
  /** `grpc.*` options of its channel. */
  readonly options: Readonly<Record<string, string | number>>
  /** Signs its manifests; absent in plaintext. */
  readonly key?: KeyObject
}

/** An agent of a plaintext link, or with a certificate of its own that is made here. */
export async function newIdentity(
  address: string,
  authority: AuthorityPem | undefined,
): Promise<AgentIdentity> {
  const agentId = newId('agent')
  if (authority === undefined) return { agentId, credentials: credentials.createInsecure(), options: {} }
  const ca = parseCertificates(authority.certificate, 'the authority')
  const [anchor] = ca
  if (anchor === undefined) throw new Error('the authority has no certificate')
  const key = newPrivateKey()
  const certificate = await certify(
    openAuthority(anchor, createPrivateKey(authority.key)),
    publicKeyOf(key),
    { kind: 'agent', agentId },
    validity(Date.now(), lives.agent),
  )
  const channel = clientChannel({
    address,
    insecureLoopback: false,
    tls: material(ca, [new X509Certificate(certificate)], privateKeyPem(key)),
  })
  const { 'grpc.ssl_target_name_override': name } = channel.options
  return {
    agentId,
    credentials: channel.credentials,
    options: name === undefined ? {} : { 'grpc.ssl_target_name_override': name },
    key,
  }
}
