import type { IdentityEvidence } from '../../shared/model/engine.ts'
import { type ClusterId, isId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { ClusterRecord } from '../store/records.ts'

/** Evidence that another cluster shows the same identity; its value is that cluster's id. */
export const sameIdentity = 'same-identity-as'

/** Others one cluster remembers: fewer than evidence is kept, so that forty servers of one image do not push out who they are. */
const mostOthers = 16

/** Two clusters with one identity, as one of them remembers it. */
export interface FoundConflict {
  readonly otherId: ClusterId
  readonly firstSeenAt: Millis
  readonly lastSeenAt: Millis
}

/** A cluster as its servers last told of themselves. */
export interface ConflictSide {
  readonly cluster: Pick<ClusterRecord, 'evidence' | 'goneSince'>
  /** Of its instances that are there and were asked. */
  readonly roles: readonly ('primary' | 'replica')[]
}

/**
 * What two clusters of one identity look like (architecture §3). A hint for people, never a reason to merge:
 * - `clone`: both accept writes, as a staging server made from production's files does;
 * - `replica-apart`: one of them only follows, and discovery shows it as a server of its own;
 * - `unclear`: a side was not asked yet, or both only follow;
 * - `ended`: one of them is no longer there.
 */
export type ConflictKind = 'clone' | 'replica-apart' | 'unclear' | 'ended'

/** The conflicts a cluster's evidence tells of. */
export function conflictsIn(cluster: Pick<ClusterRecord, 'evidence'>): readonly FoundConflict[] {
  return cluster.evidence.flatMap(({ kind, value, firstSeenAt, lastSeenAt }) =>
    kind === sameIdentity && isId('cluster', value) ? [{ otherId: value, firstSeenAt, lastSeenAt }] : [],
  )
}

/** What a cluster is to remember of others that show its identity: those it knows first, then new ones while there is room. */
export function evidenceOfOthers(
  cluster: Pick<ClusterRecord, 'evidence'>,
  others: readonly ClusterId[],
): readonly IdentityEvidence[] {
  const known = new Set(conflictsIn(cluster).map(each => each.otherId))
  const room = Math.max(0, mostOthers - known.size)
  return [...others.filter(id => known.has(id)), ...others.filter(id => !known.has(id)).slice(0, room)].map(
    value => ({ kind: sameIdentity, value }),
  )
}

/** What a conflict is, and by which identities it shows. */
export function judgeConflict(
  one: ConflictSide,
  other: ConflictSide,
): { readonly kind: ConflictKind; readonly shared: readonly IdentityEvidence[] } {
  return { kind: kindOf(one, other), shared: sharedIdentities(one.cluster.evidence, other.cluster.evidence) }
}

/** What evidence says of a cluster itself; what it remembers of others is no identity. */
export function identitiesOf<T extends IdentityEvidence>(evidence: readonly T[]): readonly T[] {
  return evidence.filter(({ kind }) => kind !== sameIdentity)
}

/** Equal for one identity, different for two. */
export function identityKey({ kind, value }: IdentityEvidence): string {
  return `${kind}\u0000${value}`
}

function sharedIdentities(
  one: readonly IdentityEvidence[],
  other: readonly IdentityEvidence[],
): readonly IdentityEvidence[] {
  const theirs = new Set(other.map(identityKey))
  return identitiesOf(one).filter(mine => theirs.has(identityKey(mine)))
}

function kindOf(one: ConflictSide, other: ConflictSide): ConflictKind {
  if (one.cluster.goneSince !== undefined || other.cluster.goneSince !== undefined) return 'ended'
  const writes = [one, other].filter(({ roles }) => roles.includes('primary')).length
  if (writes === 2) return 'clone'
  const follows = [one, other].some(({ roles }) => roles.length > 0 && !roles.includes('primary'))
  return writes === 1 && follows ? 'replica-apart' : 'unclear'
}
