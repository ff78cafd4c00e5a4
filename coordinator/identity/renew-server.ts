import { X509Certificate } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import {
  certificatePem,
  certifyServer,
  hostsOf,
  issuerOf,
  type LiveMaterial,
  lives,
  validity,
} from '../../shared/tls/index.ts'
import type { Issuer } from './issuer.ts'

const day: Duration = 86_400_000
/** From then on the log says each day that it ends. */
const soon = { server: 30 * day, ca: 180 * day } as const

export interface ServerRenewalOptions {
  readonly tls: LiveMaterial
  readonly issuer: Issuer
  readonly certificateFile: string
  readonly log: Log
}

/**
 * Renews the certificate of our own listener while it runs, when less than a third of its life is left: the same key and
 * names, so that one file is replaced at once and no cut leaves a certificate beside another's key. What the CA of
 * `ca_key_file` did not sign is somebody else's to renew.
 */
export class ServerRenewal {
  readonly #options: ServerRenewalOptions
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(options: ServerRenewalOptions) {
    this.#options = options
  }

  /** One look; whether it was renewed. Trouble is told and tried again. */
  async look(now: Millis): Promise<boolean> {
    const { tls, log } = this.#options
    const [own] = tls.current.chain
    if (own === undefined) return false
    try {
      if (isDue(own, now) && (await this.#renew(own, now))) return true
    } catch (thrown) {
      log.warn('the certificate of the listener could not be renewed; tried again', {
        error: AppError.from(thrown),
        not_after: own.validToDate.toISOString(),
      })
    }
    this.#tell(own, now)
    return false
  }

  async #renew(own: X509Certificate, now: Millis): Promise<boolean> {
    const { tls, issuer, certificateFile, log } = this.#options
    const authority = await issuer.authorityIfAny()
    if (authority === undefined || issuerOf(own, [authority.certificate]) === undefined) return false
    const { notBefore, notAfter } = validity(now, lives.server)
    const valid = { notBefore, notAfter: Math.min(notAfter, authority.certificate.validToDate.getTime()) }
    // a CA that ends no later than what is there has nothing better to give
    if (valid.notAfter <= own.validToDate.getTime()) return false
    const publicKey = own.publicKey.export({ type: 'spki', format: 'der' })
    const next = await certifyServer(authority, publicKey, hostsOf(own), valid)
    await replace(certificateFile, certificatePem(next))
    await tls.look()
    log.info('the certificate of the listener was renewed', {
      not_after: new X509Certificate(next).validToDate.toISOString(),
    })
    return true
  }

  #tell(own: X509Certificate, now: Millis): void {
    const { tls, log } = this.#options
    if (now - this.#toldAt < day) return
    const endsSoon = (each: X509Certificate, within: Duration) => each.validToDate.getTime() - now < within
    const ending = [
      ...(endsSoon(own, soon.server) ? [own] : []),
      ...tls.current.ca.filter(each => endsSoon(each, soon.ca)),
    ]
    if (ending.length > 0) this.#toldAt = now
    for (const each of ending)
      log.warn(
        each === own
          ? 'the certificate of the listener ends soon'
          : 'a CA that is believed ends soon, and with it every certificate it signed',
        { not_after: each.validToDate.toISOString(), what: each.subject },
      )
  }
}

/** Whether less than a third of its life is left. */
function isDue(own: X509Certificate, now: Millis): boolean {
  const from = own.validFromDate.getTime()
  const until = own.validToDate.getTime()
  return until - now < (until - from) / 3
}

/** Puts a text in place of a file, whole or not at all, with the file's mode. */
async function replace(path: string, text: string): Promise<void> {
  const beside = `${path}.new`
  try {
    const { mode } = await stat(path)
    await rm(beside, { force: true })
    {
      await using file = await open(beside, 'wx', mode & 0o777)
      await file.writeFile(text)
      await file.sync()
    }
    await rename(beside, path)
  } catch (thrown) {
    await rm(beside, { force: true }).catch(() => undefined)
    const detail = (thrown as NodeJS.ErrnoException).code ?? 'unknown'
    throw new AppError('tls.unwritable', { context: { path, detail }, cause: thrown })
  }
}
