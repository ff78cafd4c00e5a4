import type {
  CreateTokenRequest,
  CreateTokenResponse,
  ListTokensRequest,
  ListTokensResponse,
  RevokeTokenRequest,
  RevokeTokenResponse,
  Token as WireToken,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { Labels, TokenRecord } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { filterOf, invalid, oneOf, pageOf } from './narrow.ts'

const states = ['live', 'expired', 'revoked'] as const
const mostPatterns = 100

/** CreateToken: the secret is in the answer and nowhere else; with a certificate there is none. */
export function createToken({ operations, identities }: OperatorDeps) {
  return async (request: CreateTokenRequest, { principal }: CallContext): Promise<CreateTokenResponse> => {
    const { name, role, ttlMs: ttl, requestId, reason, approval } = request
    const selector = labelsOf(request.selector)
    const asked = { name, role, ttl, selector, requestId, reason, approval }
    const { certificateRequestDer: certificateRequest } = request
    if (certificateRequest !== undefined) {
      const issued = await identities.issueOperator(principal, { ...asked, certificateRequest })
      return {
        token: tokenToWire(issued.token, operations.now()),
        secret: '',
        certificateDer: issued.certificate,
        authorityDer: [...issued.authorities],
      }
    }
    const made = await operations.createToken(principal, asked)
    return {
      token: tokenToWire(made.token, operations.now()),
      secret: made.secret,
      certificateDer: Buffer.alloc(0),
      authorityDer: [],
    }
  }
}

/** ListTokens, newest first. A filtered page may be shorter than asked. */
export function listTokens({ store, operations }: OperatorDeps) {
  return async (request: ListTokensRequest, _context: CallContext): Promise<ListTokensResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['state', 'name'])
    const state = oneOf(filter, 'state', states)
    const name = filter.get('name')
    const { items, next } = await store.read.tokens(page)
    const tokens = items.map(each => tokenToWire(each, operations.now()))
    return {
      tokens: tokens.filter(
        each => (state === undefined || each.state === state) && (name === undefined || each.name === name),
      ),
      nextPageToken: next ?? '',
    }
  }
}

/** RevokeToken, by id or by the name of whoever has one. */
export function revokeToken({ operations }: OperatorDeps) {
  return async (request: RevokeTokenRequest, { principal }: CallContext): Promise<RevokeTokenResponse> => {
    if (request.token === '')
      throw invalid('token', 'is missing', 'a token id, or a name with one live token')
    const { token, requestId, reason, approval } = request
    const revoked = await operations.revokeToken(principal, { token, requestId, reason, approval })
    return { token: tokenToWire(revoked, operations.now()) }
  }
}

/** Fields as labels: several values of a key are alternatives. */
function labelsOf(fields: CreateTokenRequest['selector']): Labels {
  if (fields.length > mostPatterns)
    throw invalid('selector', 'is too long', `at most ${mostPatterns} patterns`)
  const labels = new Map<string, string[]>()
  for (const { name, value } of fields) labels.set(name, [...(labels.get(name) ?? []), value])
  return Object.fromEntries(labels)
}

/** Labels as fields. */
export function fieldsOf(labels: Labels | undefined): WireToken['selector'] {
  return Object.entries(labels ?? {}).flatMap(([name, values]) => values.map(value => ({ name, value })))
}

function tokenToWire(token: TokenRecord, now: number): WireToken {
  return {
    tokenId: token.id,
    name: token.name,
    role: token.role,
    selector: fieldsOf(token.selector),
    createdBy: token.by,
    createdAt: token.createdAt,
    expiresAt: token.expiresAt,
    revokedAt: token.revokedAt ?? 0,
    revokedBy: token.revokedBy ?? '',
    state: token.revokedAt !== undefined ? 'revoked' : token.expiresAt <= now ? 'expired' : 'live',
    reason: token.reason,
    kind: token.certificate === true ? 'certificate' : 'token',
  }
}
