import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'
import { describeSecret, readSecret } from '../../shared/secrets/index.ts'
import type { EngineContext, InstanceTarget } from './port.ts'

/**
 * Reads the password of a target at the moment it is used; it is never kept. Undefined when the target has no
 * password. Errors: `secret.exposed`, `secret.unreadable`.
 */
export async function readPassword(target: InstanceTarget): Promise<string | undefined> {
  const source = target.passwordFile
  if (source === undefined) return undefined
  const password = await readSecret(source)
  if (/[\r\n\0]/.test(password))
    throw new AppError('secret.unreadable', {
      message: 'a password cannot hold a line break or a NUL',
      context: { source: describeSecret(source) },
    })
  return password
}

/** Writes a new 0600 file into the scratch folder of a call, and returns its path. */
export async function writePrivate(
  context: EngineContext,
  label: string,
  content: string | Uint8Array,
): Promise<string> {
  const path = join(context.scratch, `${label}-${randomBytes(6).toString('hex')}`)
  await writeFile(path, content, { mode: 0o600, flag: 'wx' })
  return path
}
