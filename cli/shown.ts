import type { Material } from '../shared/tls/index.ts'
import { readIdentity } from './identity.ts'
import { tokenOf } from './token.ts'

/** How one is known to a coordinator: by certificate, by token, by both, or by neither. */
export interface Shown {
  readonly identity?: Material
  readonly token?: string
}

/**
 * What is shown with every call: what the options name, else what the environment (or a profile in it) does.
 *
 * @throws AppError `tls.unusable`, `secret.*`, `usage.invalid`
 */
export async function shownBy(
  named: { readonly identity?: string | undefined; readonly tokenFile?: string | undefined },
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Shown> {
  const folder = named.identity ?? environment.HOLDFAST_IDENTITY
  const identity = folder === undefined || folder === '' ? undefined : await readIdentity(folder)
  const token = await tokenOf(named.tokenFile, environment)
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(token === undefined ? {} : { token }),
  }
}
