import { X509Certificate } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Authority,
  certificatePem,
  certify,
  certifyServer,
  lives,
  newAuthority,
  newPrivateKey,
  privateKeyPem,
  publicKeyOf,
  type Subject,
  type Validity,
  validity,
} from '../../shared/tls/index.ts'
import { signLeaf } from '../../shared/tls/x509.ts'

export const day = 86_400_000
/** A time around now: tests of certificates that are over or not yet in date say another. */
export const inDate = (): Validity => validity(Date.now(), day)
export const over = (): Validity => ({ notBefore: Date.now() - 40 * day, notAfter: Date.now() - 10 * day })
export const notYet = (): Validity => ({ notBefore: Date.now() + day, notAfter: Date.now() + 30 * day })

/** Certificate and key as files of a folder. */
export interface Shown {
  readonly caFile: string
  readonly certificateFile: string
  readonly keyFile: string
}

/** A CA of a test, with the files of a listener. */
export interface TestPki {
  readonly authority: Authority
  readonly folder: string
  readonly caFile: string
  readonly caKeyFile: string
  /** The `tls` section of a coordinator. */
  readonly tls: Readonly<Record<string, string>>
  /** A client's files: by default in date and of this CA. */
  client(subject: Subject, valid?: Validity, by?: Authority): Promise<Shown>
  /** The same with alternative names of one's own. */
  clientNaming(uris: readonly string[], usage?: 'client' | 'server'): Promise<Shown>
}

let made = 0

/** Makes a CA and a listener's certificate in a folder. */
export async function testPki(folder: string, given?: Authority): Promise<TestPki> {
  await mkdir(folder, { recursive: true })
  const authority = given ?? (await newAuthority(`Test CA ${++made}`, Date.now()))
  const write = async (name: string, text: string, mode = 0o600) => {
    const path = join(folder, name)
    await writeFile(path, text, { mode })
    return path
  }
  const caFile = await write('ca.crt', certificatePem(authority.certificate.raw))
  const caKeyFile = await write('ca.key', privateKeyPem(authority.key))
  const files = async (sign: (publicKey: Buffer) => Promise<Buffer>): Promise<Shown> => {
    const name = `c${++made}`
    const key = newPrivateKey()
    return {
      caFile,
      certificateFile: await write(`${name}.crt`, certificatePem(await sign(publicKeyOf(key)))),
      keyFile: await write(`${name}.key`, privateKeyPem(key)),
    }
  }
  const server = await files(key =>
    certifyServer(authority, key, ['localhost', '127.0.0.1'], validity(Date.now(), lives.server)),
  )
  return {
    authority,
    folder,
    caFile,
    caKeyFile,
    tls: {
      ca_file: caFile,
      ca_key_file: caKeyFile,
      certificate_file: server.certificateFile,
      key_file: server.keyFile,
    },
    client: (subject, valid = inDate(), by = authority) => files(key => certify(by, key, subject, valid)),
    clientNaming: (uris, usage = 'client') =>
      files(publicKey =>
        signLeaf(
          { publicKey, commonName: 'x', uris, usage, ...inDate() },
          { certificate: authority.certificate.raw, key: authority.key },
        ),
      ),
  }
}

/** A certificate of DER. */
export function certificateOf(der: Uint8Array): X509Certificate {
  return new X509Certificate(der)
}
