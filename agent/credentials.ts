import { createPrivateKey } from 'node:crypto'
import type { Clock } from '../shared/clock/index.ts'
import { AppError } from '../shared/errors/index.ts'
import type { Closable } from '../shared/lifecycle/index.ts'
import type { Log } from '../shared/log/index.ts'
import type { AgentId } from '../shared/model/identifiers.ts'
import { signManifest } from '../shared/signing/index.ts'
import type { Millis } from '../shared/time/index.ts'
import { identityOf, LiveMaterial, loadMaterial, type Material } from '../shared/tls/index.ts'
import { type ChannelTarget, clientChannel } from '../shared/wire/channel.ts'
import type { AgentConfig } from './config.ts'
import { Certificates } from './identity/certificates.ts'
import type { ManifestSigner } from './jobs/surroundings.ts'
import { Renewal } from './link/renewal.ts'

/** By what an agent is known to its coordinator, as it is now. */
export interface Credentials extends Closable {
  /** The agent that the certificate is for; absent in plaintext, where the state folder says it. */
  readonly agentId?: AgentId
  channel(): ChannelTarget
  /** Signs with the key of the certificate, as it is now; absent in plaintext. */
  readonly signer?: ManifestSigner
  /** When its own certificate ends, and the first of the CAs it believes, ms UTC; absent in plaintext. */
  expiries(): { readonly own?: Millis; readonly ca?: Millis }
  /** From now on renews, and calls `changed` whenever a new dial would show something else. */
  begin(changed: () => void): void
}

/**
 * Plaintext where that is asked for, else the certificates of the configuration, else those that `join` left in the state
 * folder, which are renewed.
 *
 * @throws AppError `link.plaintext-refused`, `agent.not-joined`, `tls.unusable`, `secret.*`
 */
export async function openCredentials(
  { coordinator, state_dir: stateDir }: Pick<AgentConfig, 'coordinator' | 'state_dir'>,
  clock: Clock,
  log: Log,
): Promise<Credentials> {
  const { address, tls: own } = coordinator
  if (coordinator.insecure_loopback) {
    const plain = clientChannel({ address, insecureLoopback: true })
    return { channel: () => plain, expiries: () => ({}), begin: () => {}, close: () => {} }
  }
  const certificates = own === undefined ? await Certificates.open(stateDir) : undefined
  if (certificates !== undefined && !(await certificates.present()))
    throw new AppError('agent.not-joined', { context: { state_dir: stateDir } })
  const files =
    own === undefined
      ? undefined
      : { caFile: own.ca_file, certificateFile: own.certificate_file, keyFile: own.key_file }
  const load = async () => {
    const loaded = await loadMaterial(files ?? (certificates as Certificates).files)
    agentOf(loaded)
    return loaded
  }
  const live = await LiveMaterial.open({ load, clock, log })
  const channel = () => clientChannel({ address, insecureLoopback: false, tls: live.current })
  const renewal = certificates && new Renewal({ certificates, live, channel, clock, log })
  return {
    agentId: agentOf(live.current),
    channel,
    signer: manifest => signManifest(manifest, createPrivateKey(live.current.key ?? '')),
    expiries: () => expiriesOf(live.current),
    begin: changed => {
      live.onChange(changed)
      renewal?.begin()
    },
    close: async () => {
      await renewal?.close()
      live.close()
    },
  }
}

function expiriesOf({ chain: [own], ca }: Material) {
  return {
    ...(own === undefined ? {} : { own: own.validToDate.getTime() }),
    ...(ca.length === 0 ? {} : { ca: Math.min(...ca.map(each => each.validToDate.getTime())) }),
  }
}

/** @throws AppError `tls.unusable` when the certificate is for no agent */
function agentOf({ chain }: Material): AgentId {
  const identity = chain[0] && identityOf(chain[0])
  if (identity?.kind === 'agent') return identity.agentId
  throw new AppError('tls.unusable', {
    message: 'the certificate is for no agent',
    context: { expected: 'exactly one URI: holdfast://agent/agt_…' },
  })
}
