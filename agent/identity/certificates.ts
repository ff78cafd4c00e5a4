import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import {
  certificatePem,
  identityOf,
  newPrivateKey,
  privateKeyPem,
  publicKeyOf,
  type TlsFiles,
} from '../../shared/tls/index.ts'
import { DurableFolder } from './durable-folder.ts'

const own = 'agent.pem'
const authorities = 'ca.crt'
const next = 'next.key'

/**
 * The certificate of an agent in its state folder. Key and certificate are one file, replaced whole, so that no cut of
 * power leaves the one without the other. A key that waits for its certificate is kept: the answer may have been lost.
 */
export class Certificates {
  readonly #folder: DurableFolder

  private constructor(folder: DurableFolder) {
    this.#folder = folder
  }

  static async open(stateDir: string): Promise<Certificates> {
    return new Certificates(await DurableFolder.open(join(stateDir, 'pki')))
  }

  /** Where they lie, for whoever reads them. */
  get files(): TlsFiles {
    const path = join(this.#folder.path, own)
    return { caFile: join(this.#folder.path, authorities), certificateFile: path, keyFile: path }
  }

  /** Whether this host has joined. */
  async present(): Promise<boolean> {
    return (await this.#folder.read(own)) !== undefined
  }

  /** The key for the next certificate: the one that waits already, or a new one. It never leaves this host. */
  async nextKey(): Promise<KeyObject> {
    const waiting = await this.#folder.read(next)
    if (waiting !== undefined)
      try {
        return createPrivateKey(waiting)
      } catch {
        // damaged: nothing was certified with it
      }
    const key = newPrivateKey()
    await this.#folder.write(next, privateKeyPem(key))
    return key
  }

  /**
   * Takes a certificate for the key that waits.
   *
   * @throws AppError `enrol.bad-request` when it is of another key or names no agent
   */
  async take(
    key: KeyObject,
    answer: { readonly certificateDer: Uint8Array; readonly authorityDer: readonly Uint8Array[] },
  ): Promise<AgentId> {
    const certificate = new X509Certificate(answer.certificateDer)
    const identity = identityOf(certificate)
    const mine = certificate.publicKey.export({ type: 'spki', format: 'der' }).equals(publicKeyOf(key))
    if (!mine || identity?.kind !== 'agent')
      throw new AppError('enrol.bad-request', {
        message: 'the coordinator sent a certificate that is not for this agent',
      })
    await this.#folder.write(authorities, answer.authorityDer.map(certificatePem).join(''))
    await this.#folder.write(own, privateKeyPem(key) + certificatePem(answer.certificateDer))
    await this.#folder.remove(next)
    return identity.agentId
  }
}
