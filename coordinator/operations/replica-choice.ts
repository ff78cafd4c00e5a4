import { type Duration, formatDuration } from '../../shared/time/index.ts'
import type { Policy } from '../policy/index.ts'
import type { GapReason } from '../protection/index.ts'
import type { InstanceRecord } from '../store/records.ts'
import type { Term } from './term.ts'

/** Lag up to which a replica is preferred, or good enough, when its policy says nothing. */
export const replicaLag: Duration = 5 * 60_000

/** Which of some instances a policy's backups may be made from; none fits: why. */
export type ReplicaChoice =
  | { readonly kind: 'some'; readonly instances: readonly InstanceRecord[] }
  | { readonly kind: 'none'; readonly code: GapReason; readonly text: string }

/**
 * A policy that demands a replica takes one whose lag is known and within its limit; one that never takes a
 * replica leaves out what is known to be one; any other takes all there are, and has an order (`ranksOf`).
 */
export function replicaChoice(
  instances: readonly InstanceRecord[],
  policy: Pick<Policy, 'replica' | 'replicaMaxLag'> | undefined,
  { live }: Pick<Term, 'live'>,
): ReplicaChoice {
  const { replica = 'prefer', replicaMaxLag = replicaLag } = policy ?? {}
  if (replica === 'prefer' || instances.length === 0) return { kind: 'some', instances }
  if (replica === 'never') {
    const primaries = instances.filter(each => each.role !== 'replica')
    return primaries.length > 0
      ? { kind: 'some', instances: primaries }
      : {
          kind: 'none',
          code: 'waiting-for-primary',
          text: 'its policy takes no replica, and no other is known',
        }
  }
  const replicas = instances.filter(each => each.role === 'replica')
  const fit = replicas.filter(each => (live.lagOf(each.id) ?? Number.POSITIVE_INFINITY) <= replicaMaxLag)
  if (fit.length > 0) return { kind: 'some', instances: fit }
  const why = replicas.map(each => {
    const name = each.nodeName || each.address
    const lag = live.lagOf(each.id)
    if (lag === undefined) return `how far ${name} is behind is not told yet`
    return lag === Number.POSITIVE_INFINITY
      ? `nobody can tell how far ${name} is behind`
      : `${name} is more than ${formatDuration(replicaMaxLag)} behind`
  })
  return {
    kind: 'none',
    code: 'waiting-for-replica',
    text: `its policy demands a replica: ${why.length === 0 ? 'none is known' : why.join(', ')}`,
  }
}
