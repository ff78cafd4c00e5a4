import { constants, open } from 'node:fs/promises'
import { AppError } from '../errors/index.ts'

/** More than this is no password but a mistaken path. */
export const largestSecret = 64 * 1024

/**
 * Reads a secret from its file: refuses one that group or others can read (`secret.exposed`), strips one
 * trailing newline. The permissions are those of the opened file, so that a swap between check and read
 * cannot help. Read it when needed, keep it nowhere.
 *
 * @param rule `groupMayRead` for mounted Kubernetes secrets only (`shared/secrets/mounted.ts`)
 * @throws AppError `secret.exposed` or `secret.unreadable`, with the path
 */
export async function readSecretFile(
  path: string,
  rule: { readonly groupMayRead?: boolean } = {},
): Promise<string> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = await file.stat()
    if (!stat.isFile()) throw new AppError('secret.unreadable', { context: { path, detail: 'not a file' } })
    const forbidden = rule.groupMayRead === true ? 0o037 : 0o077
    if ((stat.mode & forbidden) !== 0)
      throw new AppError('secret.exposed', {
        context: { path, mode: (stat.mode & 0o777).toString(8).padStart(4, '0') },
        ...(rule.groupMayRead === true
          ? { hint: 'Say `defaultMode: 0440` of the volume, and `fsGroup` of the pod.' }
          : {}),
      })
    if (stat.size > largestSecret)
      throw new AppError('secret.unreadable', { context: { path, detail: 'larger than 64 KiB' } })
    return (await file.readFile('utf8')).replace(/\r?\n$/, '')
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown'
    throw new AppError('secret.unreadable', { context: { path, detail: code }, cause: thrown })
  }
}
