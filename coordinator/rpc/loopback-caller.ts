import { AppError } from '../../shared/errors/index.ts'
import type { OperatorRole } from '../../shared/model/role.ts'
import { type CallerOf, loopbackCaller, openPaths } from './caller.ts'

/**
 * Callers of a plaintext listener, where configuration makes operators without a token less than an admin, or nobody:
 * then everybody shows one.
 */
export function loopbackCallerAs(role: OperatorRole | 'none'): CallerOf {
  return (path, call) => {
    const caller = loopbackCaller(path, call)
    if (caller.kind === 'agent' || role === 'admin') return caller
    if (role !== 'none') return { ...caller, name: `local-${role}`, roles: [role] }
    if (openPaths.some(each => path.startsWith(each)))
      return { ...caller, name: 'local', roles: ['newcomer'] }
    throw new AppError('access.unauthenticated', {
      message: 'a token is needed here too',
      hint: 'Set HOLDFAST_TOKEN_FILE to the file of yours.',
    })
  }
}
