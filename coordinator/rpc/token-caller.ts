import { AppError } from '../../shared/errors/index.ts'
import { bearerOf, tokenMetadataKey } from '../../shared/wire/bearer.ts'
import type { Principal } from '../operations/principal.ts'
import { agentPaths, type CallerOf } from './caller.ts'

/**
 * Callers that show a token are who it says, and nobody else: one that opens nothing is refused, it never falls back
 * to what the transport would allow. Whoever shows none, and every agent, is for `otherwise` to judge.
 */
export function tokenCaller(principalOf: (secret: string) => Principal, otherwise: CallerOf): CallerOf {
  return (path, call) => {
    const shown = call.metadata.get(tokenMetadataKey)
    if (shown.length === 0 || path.startsWith(agentPaths)) return otherwise(path, call)
    const secret = shown.length === 1 ? bearerOf(String(shown[0])) : undefined
    if (secret === undefined)
      throw new AppError('access.unauthenticated', { message: 'what was shown is no bearer token' })
    return principalOf(secret)
  }
}
