import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readSecretFile } from '../../shared/config/secret-file.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { ManifestEncryption } from '../../shared/model/manifest.ts'
import type { ToolFinder } from '../engines/port.ts'
import { recipientsOfIdentity } from './identity.ts'
import type { KeyContext, KeyService } from './key-service.ts'

/** Files of identities that open one backup; what was made for it is gone when this is disposed. */
export interface Unsealed extends AsyncDisposable {
  readonly identities: readonly string[]
}

/** The key that opens a backup: what is told of it, never itself. */
export interface OpeningKey {
  /** `age`: an identity of this host; `aws-kms`: the wrapped identity, unwrapped by the key service. */
  readonly kind: 'age' | 'aws-kms'
  /** The recipient (public) that the identity stands for, or the ARN. */
  readonly key: string
}

/** What opening a backup may use. */
export interface UnsealContext {
  readonly tools: ToolFinder
  readonly signal: AbortSignal
  /** A private folder. */
  readonly scratch: string
  /** Files of identities this host or this command has. */
  readonly identityFiles: readonly string[]
  readonly keyService: (purpose: 'restore') => KeyService
  /** Told of each key before anything is read with it. */
  readonly onKey?: (key: OpeningKey) => Promise<void>
}

/**
 * Finds what opens a backup, before anything is touched in a target: identities given that fit, else (with a KMS
 * key) its own identity, unwrapped into a 0600 file of the scratch folder. The context asked of KMS is made of
 * `bound`, what this manifest says of itself, never of the one beside the wrapped key: keys that were swapped
 * between manifests do not open.
 *
 * @throws AppError `encryption.identity-*`, `encryption.context-mismatch`, `secret.*`, `kms.*`
 */
export async function unseal(
  encryption: ManifestEncryption,
  bound: KeyContext,
  context: UnsealContext,
): Promise<Unsealed> {
  if (encryption.kind === 'none') return nothingToRemove([])
  const fitting = await fittingIdentities(context, [
    ...encryption.recipients,
    ...(encryption.kind === 'aws-kms' ? [encryption.recipient] : []),
  ])
  if (fitting.length > 0) {
    for (const key of new Set(fitting.map(each => each.recipient)))
      await context.onKey?.({ kind: 'age', key })
    return nothingToRemove(fitting.map(each => each.path))
  }
  if (encryption.kind === 'age') {
    const { recipients } = encryption
    throw context.identityFiles.length === 0
      ? new AppError('encryption.identity-missing', { context: { recipients } })
      : new AppError('encryption.identity-mismatch', {
          context: { recipients, identity_files: context.identityFiles },
        })
  }
  return unwrapped(encryption, bound, context)
}

async function unwrapped(
  encryption: Extract<ManifestEncryption, { kind: 'aws-kms' }>,
  bound: KeyContext,
  context: UnsealContext,
): Promise<Unsealed> {
  const told = encryption.context
  const keys = new Set([...Object.keys(told), ...Object.keys(bound)])
  for (const key of keys)
    if (told[key] !== bound[key])
      throw new AppError('encryption.context-mismatch', {
        context: { key, wrapped_for: told[key] ?? 'nothing', manifest_of: bound[key] ?? 'nothing' },
      })
  const secret = Buffer.from(
    await context
      .keyService('restore')
      .unwrap(encryption.key_arn, Buffer.from(encryption.wrapped_key, 'base64'), bound, context.signal),
  )
  try {
    const found = await recipientsOfIdentity(secret.toString('latin1'), context)
    if (!found.includes(encryption.recipient))
      throw new AppError('encryption.context-mismatch', {
        message: 'the wrapped key in the manifest is not that of its recipient',
        context: { recipient: encryption.recipient },
      })
    await context.onKey?.({ kind: 'aws-kms', key: encryption.key_arn })
    const path = join(context.scratch, `identity-${randomBytes(6).toString('hex')}`)
    await writeFile(path, Buffer.concat([secret, Buffer.from('\n')]), { mode: 0o600, flag: 'wx' })
    return { identities: [path], [Symbol.asyncDispose]: () => rm(path, { force: true }) }
  } finally {
    secret.fill(0)
  }
}

/** A file that can open a backup, and the recipient of the backup that it stands for. */
interface Fitting {
  readonly path: string
  readonly recipient: string
}

/**
 * The files that can open something encrypted for `recipients`. Of SSH identities only age can tell, so they are
 * taken as fitting when an SSH recipient is among them.
 */
async function fittingIdentities(
  context: UnsealContext,
  recipients: readonly string[],
): Promise<readonly Fitting[]> {
  const fitting: Fitting[] = []
  const ssh = recipients.filter(each => each.startsWith('ssh-'))
  for (const path of context.identityFiles) {
    const text = await readSecretFile(path)
    if (/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(text)) {
      if (ssh.length > 0) fitting.push({ path, recipient: ssh.join(' or ') })
      continue
    }
    if (/^AGE-PLUGIN-/m.test(text)) {
      fitting.push({ path, recipient: 'an identity of a plugin' })
      continue
    }
    if (text.startsWith('age-encryption.org/') || text.startsWith('-----BEGIN AGE ENCRYPTED FILE-----'))
      throw new AppError('encryption.identity-invalid', {
        message: 'an identity file is protected by a passphrase, which nobody is there to give',
        context: { path },
      })
    const own = await recipientsOfIdentity(text, context).catch((thrown: unknown) => {
      const error = AppError.from(thrown)
      throw error.code === 'encryption.identity-invalid'
        ? new AppError(error.code, { context: { path } })
        : error
    })
    const recipient = own.find(each => recipients.includes(each))
    if (recipient !== undefined) fitting.push({ path, recipient })
  }
  return fitting
}

function nothingToRemove(identities: readonly string[]): Unsealed {
  return { identities, [Symbol.asyncDispose]: async () => {} }
}
