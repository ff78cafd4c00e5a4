import { AppError } from '../../shared/errors/index.ts'
import { isId, type TokenId } from '../../shared/model/identifiers.ts'
import { type OperatorRole, operatorRoles } from '../../shared/model/role.ts'
import type { Duration } from '../../shared/time/index.ts'
import { isOperatorName } from '../../shared/tls/identity.ts'
import { clusterSelectorKeys } from '../fleet/cluster-selector.ts'
import type { WriteTx } from '../store/port.ts'
import type { Labels, TokenRecord } from '../store/records.ts'
import type { Asked } from './alert-verbs.ts'
import { actorText } from './apply-job-event.ts'
import { type Approvable, onceApproved } from './approve.ts'
import { actorOf, type Principal } from './principal.ts'
import { afterCommit, type Term } from './term.ts'
import { hashOfToken, newTokenSecret } from './token-book.ts'

const shortest: Duration = 60_000

/** What a new token is to be. */
export interface TokenRequest extends Asked, Approvable {
  readonly name: string
  readonly role: string
  readonly ttl: Duration
  /** Empty: the whole fleet. */
  readonly selector: Labels
}

/**
 * Makes a token. Its secret is in the answer and nowhere else: a repeated request id cannot give it again.
 *
 * @throws AppError `request.invalid`, `conflict`, `approval.*`
 */
export async function createToken(
  principal: Principal,
  { name, role: wanted, ttl, selector, ...request }: TokenRequest,
  term: Term,
): Promise<{ readonly token: TokenRecord; readonly secret: string }> {
  const secret = newTokenSecret()
  const hash = hashOfToken(secret)
  const token = await createCredential(
    principal,
    { name, role: wanted, ttl, selector, ...request },
    { hash },
    term,
  )
  if (token.hash !== hash)
    throw new AppError('conflict', {
      message: 'this request made its token before, and a secret is shown once',
      hint: 'Revoke that token and make another.',
      context: { token_id: token.id },
    })
  return { token, secret }
}

/**
 * Writes down what somebody is to be known by: the hash of a secret, or the key of a certificate. A repeated request id
 * gives what the first one made.
 *
 * @throws AppError `request.invalid`, `conflict`, `approval.*`
 */
export async function createCredential(
  principal: Principal,
  { name, role: wanted, ttl, selector, ...request }: TokenRequest,
  { hash, keyId }: { readonly hash: string; readonly keyId?: string },
  term: Term,
): Promise<TokenRecord> {
  const role = checked({ name, role: wanted, ttl, selector }, term)
  const narrow = Object.keys(selector).length > 0
  const { token } = await onceApproved(
    term,
    principal,
    'create-token',
    request,
    { name, role, ttl, selector, ...(keyId === undefined ? {} : { keyId }) },
    async (tx, approved) => {
      const at = term.clock.now().wall
      if (
        keyId !== undefined &&
        (term.tokens.knowsKey(keyId) || (await tx.identities.key(keyId)) !== undefined)
      )
        throw new AppError('conflict', {
          message: 'this key has a certificate already, or had one that was revoked',
          hint: 'Make another request, with a key of its own.',
        })
      if (role === 'admin' && otherAdmins(principal, term) > 0)
        await approved(
          'create-admin',
          `make an admin's ${keyId === undefined ? 'token' : 'certificate'} for ${name}`,
        )
      const token: TokenRecord = {
        ...{ id: term.newId('token'), name, role, hash, reason: request.reason },
        ...(keyId === undefined ? {} : { certificate: true }),
        ...(narrow ? { selector } : {}),
        by: actorText(actorOf(principal)),
        createdAt: at,
        expiresAt: at + ttl,
      }
      await tx.tokens.put(token)
      await audit(
        tx,
        principal,
        keyId === undefined ? 'token.created' : 'certificate.issued',
        token,
        request.reason,
        at,
      )
      afterCommit(term, tx, () => term.tokens.set(token))
      return { token }
    },
  )
  return token
}

/**
 * Takes a token away, by its id or the name of whoever has one. Everybody may give up an own one; taking an admin's
 * can need a second person.
 *
 * @throws AppError `not-found`, `ambiguous`, `conflict` when it is over, `approval.*`
 */
export async function revokeToken(
  principal: Principal,
  { token: reference, ...request }: Asked & Approvable & { readonly token: string },
  term: Term,
): Promise<TokenRecord> {
  const id = tokenMeant(reference, term)
  const { token } = await onceApproved(
    term,
    principal,
    'revoke-token',
    request,
    { token: id },
    async (tx, approved) => {
      const standing = await tx.tokens.get(id)
      if (standing === undefined) throw notFound(reference)
      const at = term.clock.now().wall
      if (standing.revokedAt !== undefined || standing.expiresAt <= at)
        throw new AppError('conflict', {
          message: 'the token opens nothing any more',
          context: { token_id: id },
        })
      if (standing.role === 'admin' && standing.name !== principal.name)
        await approved('revoke-admin', `revoke ${id}, an admin's token of ${standing.name}`)
      const token = { ...standing, revokedAt: at, revokedBy: actorText(actorOf(principal)) }
      await tx.tokens.put(token)
      await audit(
        tx,
        principal,
        token.certificate === true ? 'certificate.revoked' : 'token.revoked',
        token,
        request.reason,
        at,
      )
      afterCommit(term, tx, () => {
        term.tokens.set(token)
        term.credentialRevoked()
      })
      return { token }
    },
  )
  return token
}

/** Admins of other names, by token or certificate: without any there is no second person to ask. */
function otherAdmins(principal: Principal, term: Term): number {
  const names = new Set([
    ...term.settings.namedAdmins,
    ...term.tokens
      .live(term.clock.now().wall)
      .filter(each => each.role === 'admin')
      .map(each => each.name),
  ])
  names.delete(principal.name)
  return names.size
}

function checked(
  { name, role, ttl, selector }: Pick<TokenRequest, 'name' | 'role' | 'ttl' | 'selector'>,
  term: Term,
): OperatorRole {
  const wrong = (field: string, problem: string, expected: string) =>
    new AppError('request.invalid', {
      message: `${field}: ${problem}`,
      context: { field, problem, expected },
    })
  // one space of names with certificates: the same name is the same person
  if (!isOperatorName(name))
    throw wrong(
      'name',
      'is no fit name',
      'lower case letters, digits and ._@-, 64 at most: whose token it is',
    )
  const found = operatorRoles.find(each => each === role)
  if (found === undefined) throw wrong('role', 'is none', `one of ${operatorRoles.join(', ')}`)
  const longest = term.settings.longestToken
  if (!(ttl >= shortest && ttl <= longest))
    throw wrong('ttl_ms', 'is out of range', `milliseconds from ${shortest} to ${longest}`)
  for (const [key, patterns] of Object.entries(selector)) {
    if (!clusterSelectorKeys.some(each => each === key))
      throw wrong('selector', 'has a key there is not', `keys of ${clusterSelectorKeys.join(', ')}`)
    if (patterns.length > 100 || patterns.some(each => each === '' || each.length > 500))
      throw wrong('selector', `has no fit pattern for ${key}`, 'at most 100 patterns, * stands for anything')
  }
  if (found === 'admin' && Object.keys(selector).length > 0)
    throw wrong('selector', 'is given for an admin', 'none: an admin makes tokens, hence can see everything')
  return found
}

function tokenMeant(reference: string, term: Term): TokenId {
  if (isId('token', reference)) return reference
  const named = term.tokens.live(term.clock.now().wall).filter(each => each.name === reference)
  const [first, ...others] = named
  if (first === undefined) throw notFound(reference)
  if (others.length > 0)
    throw new AppError('ambiguous', {
      message: `${named.length} live tokens are of \`${reference}\``,
      context: { ids: named.slice(0, 20).map(each => each.id) },
    })
  return first.id
}

function notFound(reference: string): AppError {
  return new AppError('not-found', {
    message: `there is no token \`${reference.slice(0, 200)}\``,
    hint: '`holdfast token list` shows what there is.',
  })
}

function audit(
  tx: WriteTx,
  principal: Principal,
  action: string,
  token: TokenRecord,
  reason: string,
  at: number,
) {
  return tx.audit.append({
    at,
    class: 'history',
    actor: actorText(actorOf(principal)),
    action,
    subject: token.id,
    reason,
    detail: {
      name: token.name,
      role: token.role,
      expires_at: token.expiresAt,
      ...(token.selector === undefined ? {} : { selector: JSON.stringify(token.selector) }),
    },
  })
}
