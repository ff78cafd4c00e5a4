import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { loadMaterial, type Material } from '../shared/tls/index.ts'

/**
 * What an operator shows and trusts: a folder with `ca.crt`, and `client.crt` with `client.key` unless another proof of
 * who they are goes with each call. `holdfast-coordinator init` makes one for the first admin.
 *
 * @throws AppError `tls.unusable`, `secret.exposed`
 */
export async function readIdentity(folder: string): Promise<Material> {
  const certificateFile = join(folder, 'client.crt')
  const shown = await access(certificateFile).then(
    () => true,
    () => false,
  )
  return loadMaterial({
    caFile: join(folder, 'ca.crt'),
    ...(shown ? { certificateFile, keyFile: join(folder, 'client.key') } : {}),
  })
}
