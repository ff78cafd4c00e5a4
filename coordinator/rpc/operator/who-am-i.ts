import type { WhoAmIRequest, WhoAmIResponse } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { CallContext } from '../handle.ts'
import { fieldsOf } from './tokens.ts'

/** WhoAmI: the caller as it is established, hence also whether its token still opens anything. */
export function whoAmI() {
  return async (_request: WhoAmIRequest, { principal, scope }: CallContext): Promise<WhoAmIResponse> => {
    const { shown } = principal
    return {
      name: principal.name,
      kind: principal.kind,
      roles: [...principal.roles],
      scope: scope.kind === 'fleet' ? 'fleet' : 'selector',
      selector: fieldsOf(scope.kind === 'fleet' ? undefined : scope.selector),
      knownBy: shown?.kind ?? (principal.anonymous === true ? 'loopback' : 'certificate'),
      tokenId: shown?.id ?? '',
      expiresAt: shown?.expiresAt ?? 0,
    }
  }
}
