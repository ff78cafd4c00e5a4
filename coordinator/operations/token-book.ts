import { createHash, randomBytes } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import type { TokenId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import { selectsCluster } from '../fleet/cluster-selector.ts'
import type { FleetMap } from '../fleet/fleet-map.ts'
import type { ReadModel } from '../store/port.ts'
import type { Labels, TokenRecord } from '../store/records.ts'
import type { AccessScope, Principal } from './principal.ts'

/** How secrets of tokens begin, for scanners of leaked secrets and for our own redaction. */
const secretPrefix = 'hft_'

/** A new secret: 256 random bits, hence a plain hash is enough to keep. */
export function newTokenSecret(): string {
  return `${secretPrefix}${randomBytes(32).toString('base64url')}`
}

/** What of a secret is kept. */
export function hashOfToken(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** What of a certificate's key stands in that place: no secret has such a hash. */
export function hashOfKey(keyId: string): string {
  return `certificate:${keyId}`
}

/**
 * The live tokens in memory, so that every call is judged by them at once: as last committed on the leader, as last
 * read on a standby. Looked up by hash: how long that takes tells nothing about a secret.
 */
export class TokenBook {
  readonly #byHash = new Map<string, TokenRecord>()

  /** Puts what the store says in place of what is known. */
  async refresh(read: Pick<ReadModel, 'liveTokens'>, at: Millis): Promise<void> {
    const live = await read.liveTokens(at)
    this.#byHash.clear()
    for (const token of live) this.#byHash.set(token.hash, token)
  }

  /** A committed change of one. */
  set(token: TokenRecord): void {
    if (token.revokedAt === undefined || token.certificate === true) this.#byHash.set(token.hash, token)
    else this.#byHash.delete(token.hash)
  }

  /** Those that open something at `at`. */
  live(at: Millis): readonly TokenRecord[] {
    return [...this.#byHash.values()].filter(each => each.expiresAt > at && each.revokedAt === undefined)
  }

  get(id: TokenId, at: Millis): TokenRecord | undefined {
    return this.live(at).find(each => each.id === id)
  }

  /**
   * Who shows a secret.
   *
   * @param fleet what a selector is asked of; undefined on a standby, which does not know the fleet
   * @throws AppError `access.unauthenticated`, `leader.none` for a token with a selector on a standby
   */
  principalOf(secret: string, fleet: FleetMap | undefined, at: Millis): Principal {
    const token = this.#byHash.get(hashOfToken(secret))
    if (token === undefined)
      throw new AppError('access.unauthenticated', {
        message: 'the token is none of this coordinator, or was revoked',
      })
    if (token.expiresAt <= at)
      throw new AppError('access.unauthenticated', {
        message: 'the token has expired',
        context: { token_id: token.id },
      })
    return principalBy(token, fleet)
  }

  /** Whether a key has, or had, a certificate of ours that is not over. */
  knowsKey(keyId: string): boolean {
    return this.#byHash.has(hashOfKey(keyId))
  }

  /**
   * Whose certificate with a key is; undefined for one that was not issued here.
   *
   * @throws AppError `access.revoked`, `leader.none` as above
   */
  principalOfKey(keyId: string, fleet: FleetMap | undefined): Principal | undefined {
    const issued = this.#byHash.get(hashOfKey(keyId))
    if (issued === undefined) return undefined
    if (issued.revokedAt !== undefined)
      throw new AppError('access.revoked', {
        message: 'this certificate was revoked',
        context: { token_id: issued.id },
      })
    return principalBy(issued, fleet)
  }

  /** Why who was let in by one would be refused now; undefined for whoever showed none, and while it opens something. */
  refuses({ shown }: Principal, at: Millis): AppError | undefined {
    if (shown === undefined || this.get(shown.id, at) !== undefined) return undefined
    return new AppError('access.revoked', {
      message: `the ${shown.kind} has expired or was revoked`,
      context: { token_id: shown.id },
    })
  }
}

function principalBy(token: TokenRecord, fleet: FleetMap | undefined): Principal {
  return {
    kind: 'operator',
    name: token.name,
    roles: [token.role],
    scope: token.selector === undefined ? { kind: 'fleet' } : scopeOf(token.selector, fleet),
    shown: {
      kind: token.certificate === true ? 'certificate' : 'token',
      id: token.id,
      expiresAt: token.expiresAt,
    },
  }
}

function scopeOf(selector: Labels, fleet: FleetMap | undefined): AccessScope {
  if (fleet === undefined) throw new AppError('leader.none')
  return {
    kind: 'clusters',
    selector,
    clusterIds: {
      has: id => {
        const cluster = fleet.cluster(id)
        return cluster !== undefined && selectsCluster(selector, cluster, fleet.instancesOf(id))
      },
    },
  }
}
