import { lstat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readSecretFile } from '../config/secret-file.ts'
import { AppError } from '../errors/index.ts'

/** What Kubernetes swaps as a whole: the keys of a secret are links into it. */
const dataLink = '..data'

/**
 * Reads a key of a mounted Kubernetes secret. The kubelet writes a new folder and renames the link `..data` to
 * it, so that one read is either all old or all new.
 *
 * The rule there: the group may read, since `fsGroup` is how a pod that does not run as root gets to see a
 * secret; nobody else may, which `defaultMode: 0440` says. Outside such a mount the rule of files holds.
 *
 * @throws AppError `secret.exposed`, `secret.unreadable`
 */
export async function readMounted(path: string): Promise<string> {
  const link = await lstat(join(dirname(path), dataLink)).catch(() => undefined)
  if (link?.isSymbolicLink() !== true)
    throw new AppError('secret.unreadable', {
      message: 'this is no mounted Kubernetes secret',
      context: { path, detail: `no link ${dataLink} beside it` },
      hint: 'Give the path of a key below the mount, or `file` for a plain file.',
    })
  return readSecretFile(path, { groupMayRead: true })
}
