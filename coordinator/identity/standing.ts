import type { Clock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import type { CertificateIdentity } from '../../shared/tls/index.ts'
import type { Principal, Role } from '../operations/principal.ts'

/**
 * Whether a certificate that verified still counts: asked at every call, and of every open stream again. A revoked agent
 * is refused by its id, whatever certificate it shows.
 */
export class CertificateStanding {
  readonly #clock: Clock
  readonly #operators: ReadonlyMap<string, Role>
  readonly #revoked = new Set<AgentId>()

  constructor(clock: Clock, operators: Readonly<Record<string, Role>>) {
    this.#clock = clock
    this.#operators = new Map(Object.entries(operators))
  }

  roleOf(operator: string): Role | undefined {
    return this.#operators.get(operator)
  }

  isRevoked(agentId: AgentId): boolean {
    return this.#revoked.has(agentId)
  }

  /** Agents that are revoked: only ever more, since a list that was read before a revocation may come after it. */
  addRevoked(agents: Iterable<AgentId>): void {
    for (const agentId of agents) this.#revoked.add(agentId)
  }

  /** Why the certificate counts no more, or undefined when it does. */
  refuses(identity: CertificateIdentity): AppError | undefined {
    if (identity.kind === 'agent' && this.isRevoked(identity.agentId))
      return new AppError('access.revoked', {
        message: 'this agent was revoked',
        context: { agent_id: identity.agentId },
      })
    if (identity.notAfter <= this.#clock.now().wall)
      return new AppError('access.revoked', {
        message: 'the time of this certificate is over',
        context: { not_after: new Date(identity.notAfter).toISOString() },
      })
    return undefined
  }

  /** The same for a caller that was let in before. */
  judge(principal: Principal): AppError | undefined {
    return principal.certificate && this.refuses(principal.certificate)
  }
}
