import { readSecretFile } from '../../shared/config/secret-file.ts'
import { AppError } from '../../shared/errors/index.ts'
import {
  type Authority,
  fingerprintOf,
  issuerOf,
  type LiveMaterial,
  openAuthority,
  readPrivateKey,
} from '../../shared/tls/index.ts'

/** The CA as the verbs see it. */
export class Issuer {
  readonly #tls: LiveMaterial | undefined
  readonly #keyFile: string | undefined

  constructor(tls: LiveMaterial | undefined, keyFile: string | undefined) {
    this.#tls = tls
    this.#keyFile = keyFile
  }

  /** The CA that signs now; its key is read when it is needed and kept nowhere. @throws AppError `enrol.no-authority`, `tls.unusable`, `secret.*` */
  async authority(): Promise<Authority> {
    if (this.#tls === undefined || this.#keyFile === undefined) throw new AppError('enrol.no-authority')
    const key = readPrivateKey(await readSecretFile(this.#keyFile), this.#keyFile)
    const { ca } = this.#tls.current
    const certificate = ca.find(each => each.checkPrivateKey(key)) ?? ca[0]
    if (certificate === undefined) throw new AppError('enrol.no-authority')
    return openAuthority(certificate, key)
  }

  /** The same, or undefined where certificates are somebody else's matter. */
  async authorityIfAny(): Promise<Authority | undefined> {
    return this.#tls === undefined || this.#keyFile === undefined ? undefined : this.authority()
  }

  /** Every CA that is believed. */
  get trusted() {
    return this.#tls?.current.ca ?? []
  }

  /** The fingerprint of the CA that a host meets at the listener. @throws AppError `enrol.no-authority` */
  pinned(): string {
    const [own] = this.#tls?.current.chain ?? []
    const anchor = own && issuerOf(own, this.trusted)
    if (anchor === undefined || this.#keyFile === undefined) throw new AppError('enrol.no-authority')
    return fingerprintOf(anchor)
  }
}
