import { AppError } from '../../shared/errors/index.ts'
import type { Duration } from '../../shared/time/index.ts'
import { newJoinToken } from '../../shared/tls/index.ts'
import { actorText } from '../operations/apply-job-event.ts'
import { once } from '../operations/once.ts'
import { actorOf, type Principal } from '../operations/principal.ts'
import type { Term } from '../operations/term.ts'

const usual: Duration = 3_600_000
const shortest: Duration = 60_000
const longest: Duration = 7 * 86_400_000

/** What token is wanted. */
export interface TokenRequest {
  readonly host?: string
  readonly ttl?: Duration
  readonly requestId: string
  readonly reason: string
}

/**
 * Makes a one-time join token. Only its hash is stored, in the ledger of requests too: a request that is repeated is
 * told so and gets no second sight of it.
 *
 * @throws AppError `request.invalid`, `conflict`
 */
export async function createJoinToken(
  principal: Principal,
  { host, ttl = usual, requestId, reason }: TokenRequest,
  fingerprint: string,
  term: Term,
): Promise<{ readonly token: string; readonly expiresAt: number }> {
  if (principal.scope.kind !== 'fleet')
    throw new AppError('access.denied', { message: 'this touches the whole fleet, your scope does not' })
  if (!(ttl >= shortest && ttl <= longest))
    throw new AppError('request.invalid', {
      message: 'ttl_ms: expected 1 minute to 7 days',
      context: { field: 'ttl_ms', expected: '1 minute to 7 days' },
    })
  const token = newJoinToken(fingerprint)
  const answer = await once(term, 'join-token', requestId, { host: host ?? '', ttl }, async tx => {
    const at = term.clock.now().wall
    const by = actorText(actorOf(principal))
    await tx.identities.putJoinToken({
      hash: token.hash,
      ...(host === undefined ? {} : { host }),
      ...{ by, createdAt: at, expiresAt: at + ttl },
    })
    await tx.audit.append({
      at,
      class: 'history',
      actor: by,
      action: 'join-token.created',
      subject: token.hash.slice(0, 16),
      reason,
      detail: { ...(host === undefined ? {} : { host }), expires_at: at + ttl },
    })
    return { hash: token.hash, expiresAt: at + ttl }
  })
  if (answer.hash !== token.hash)
    throw new AppError('conflict', {
      message: 'the token of this request was shown once and is kept nowhere',
      hint: 'Make another one, without --request-id.',
    })
  return { token: token.text, expiresAt: answer.expiresAt }
}
