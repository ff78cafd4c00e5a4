import { randomBytes } from 'node:crypto'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'
import type { EngineContext, InstanceTarget } from './port.ts'

/**
 * Reads the password of a target at the moment it is used; it is never kept. One trailing line break is not
 * part of it. Undefined when the target has no password file. A file that others can read is refused.
 */
export async function readPassword(target: InstanceTarget): Promise<string | undefined> {
  const path = target.passwordFile
  if (path === undefined) return undefined
  let mode: number
  let text: string
  try {
    // Mode and content come from the same descriptor, so that a swapped file cannot pass the check.
    await using file = await open(path, 'r')
    mode = (await file.stat()).mode
    text = await file.readFile('utf8')
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw new AppError('secret.unreadable', { context: { path, reason }, cause })
  }
  if ((mode & 0o077) !== 0)
    throw new AppError('secret.exposed', { context: { path, mode: (mode & 0o777).toString(8) } })
  const password = text.replace(/\r?\n$/, '')
  if (/[\r\n\0]/.test(password))
    throw new AppError('secret.unreadable', {
      message: 'a password cannot hold a line break or a NUL',
      context: { path },
    })
  return password
}

/** Writes a new 0600 file into the scratch folder of a call, and returns its path. */
export async function writePrivate(context: EngineContext, label: string, content: string): Promise<string> {
  const path = join(context.scratch, `${label}-${randomBytes(6).toString('hex')}`)
  await writeFile(path, content, { mode: 0o600, flag: 'wx' })
  return path
}
