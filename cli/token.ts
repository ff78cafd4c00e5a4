import { readSecretFile } from '../shared/config/secret-file.ts'
import { AppError } from '../shared/errors/index.ts'
import { bearer, bearerOf } from '../shared/wire/bearer.ts'

/**
 * The token to show, if there is one: of the file that `--token-file` or HOLDFAST_TOKEN_FILE names, or HOLDFAST_TOKEN
 * itself. Never from the command line, which everybody on the machine can read.
 *
 * @throws AppError `secret.exposed` for a file that others can read, `secret.unreadable`, `usage.invalid`
 */
export async function tokenOf(
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const path = file ?? environment.HOLDFAST_TOKEN_FILE
  const named = path !== undefined && path !== ''
  const secret = named ? await readSecretFile(path) : environment.HOLDFAST_TOKEN
  if (secret === undefined || (secret === '' && !named)) return undefined
  // said without the text: it may be another secret
  if (bearerOf(bearer(secret)) === undefined)
    throw new AppError('usage.invalid', {
      message: `what ${named ? path : 'HOLDFAST_TOKEN'} holds is no token`,
      hint: 'It is the one line that `holdfast token create` printed.',
    })
  return secret
}
