import { mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import {
  type Authority,
  certificatePem,
  certify,
  certifyServer,
  fingerprintOf,
  lives,
  newAuthority,
  newPrivateKey,
  privateKeyPem,
  publicKeyOf,
  validity,
} from '../../shared/tls/index.ts'

/** What `init` made, for whoever reads on. */
export interface Initialised {
  readonly folder: string
  readonly files: readonly string[]
  /** Of the CA, hex. */
  readonly fingerprint: string
}

/**
 * Makes a CA, the certificate of the listener for `hosts`, and the identity of the first admin. Keys are 0600 in a folder
 * of 0700. Nothing is overwritten: where any of the files is, none is made.
 *
 * @throws AppError `tls.exists`, `tls.unwritable`
 */
export async function initialise(
  folder: string,
  hosts: readonly string[],
  now: Millis,
): Promise<Initialised> {
  const authority = await newAuthority(`Holdfast CA ${new Date(now).toISOString().slice(0, 10)}`, now)
  const ca = certificatePem(authority.certificate.raw)
  const server = await made(publicKey =>
    certifyServer(authority, publicKey, hosts, validity(now, lives.server)),
  )
  const admin = await operator(authority, 'admin', now)
  const files: readonly (readonly [string, string, number])[] = [
    ['ca.key', privateKeyPem(authority.key), 0o600],
    ['ca.crt', ca, 0o644],
    ['server.key', server.key, 0o600],
    ['server.crt', server.certificate, 0o644],
    ['admin/client.key', admin.key, 0o600],
    ['admin/client.crt', admin.certificate, 0o644],
    ['admin/ca.crt', ca, 0o644],
  ]
  for (const [name] of files) await refuseIfThere(join(folder, name))
  for (const [name, text, mode] of files) await create(join(folder, name), text, mode)
  return { folder, files: files.map(([name]) => name), fingerprint: fingerprintOf(authority.certificate) }
}

/** A key and its certificate for an operator, as PEM. */
export async function operator(
  authority: Authority,
  name: string,
  now: Millis,
): Promise<{ readonly key: string; readonly certificate: string }> {
  return made(publicKey =>
    certify(authority, publicKey, { kind: 'operator', name }, validity(now, lives.operator)),
  )
}

async function made(sign: (publicKey: Buffer) => Promise<Buffer>) {
  const key = newPrivateKey()
  return { key: privateKeyPem(key), certificate: certificatePem(await sign(publicKeyOf(key))) }
}

async function refuseIfThere(path: string): Promise<void> {
  try {
    await using _ = await open(path)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return
  }
  throw new AppError('tls.exists', { context: { path } })
}

/** Writes a file that is not there yet, whole and with its mode from the first byte. */
export async function create(path: string, text: string, mode: number): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(path, text, { flag: 'wx', mode, flush: true })
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown'
    if (code === 'EEXIST') throw new AppError('tls.exists', { context: { path }, cause: thrown })
    throw new AppError('tls.unwritable', { context: { path, detail: code }, cause: thrown })
  }
}
