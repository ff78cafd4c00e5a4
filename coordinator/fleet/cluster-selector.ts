import { matcherOf } from '../policy/pattern.ts'
import type { ClusterRecord, InstanceRecord, Labels } from '../store/records.ts'

/** The keys a selector of clusters may have. */
export const clusterSelectorKeys = ['cluster', 'service', 'datacenter', 'engine', 'tag'] as const

/**
 * Whether a selector means a cluster: for each of its keys, one of its patterns (with `*`) matches. An instance must
 * match in all its keys at once, and so must every instance that is in discovery now, or every one there was when none
 * is: who may see one server of a cluster sees the data of all, so a half that matches is not enough.
 */
export function selectsCluster(
  selector: Labels,
  cluster: Pick<ClusterRecord, 'name'>,
  instances: readonly Pick<InstanceRecord, 'service' | 'datacenter' | 'engine' | 'tags' | 'goneSince'>[],
): boolean {
  const present = instances.filter(each => each.goneSince === undefined)
  const judged = present.length > 0 ? present : instances
  const selects = instanceSelector(selector)
  return judged.length > 0 && judged.every(instance => selects(cluster, instance))
}

/** Whether a selector means a server of a cluster, for many of them: what there is to know of it is found out once. */
export function instanceSelector(
  selector: Labels,
): (
  cluster: Pick<ClusterRecord, 'name'>,
  instance: Pick<InstanceRecord, 'service' | 'datacenter' | 'engine' | 'tags'>,
) => boolean {
  const wanted = Object.entries(selector).map(([key, patterns]) => ({
    key,
    matchers: patterns.map(matcherOf),
  }))
  return (cluster, instance) =>
    wanted.every(({ key, matchers }) => {
      const values = valuesOf(key, cluster, instance)
      return matchers.some(fits => values.some(fits))
    })
}

/** A key nobody knows matches nothing: a newer version's selector never covers more than it says. */
function valuesOf(
  key: string,
  cluster: Pick<ClusterRecord, 'name'>,
  instance: Pick<InstanceRecord, 'service' | 'datacenter' | 'engine' | 'tags'>,
): readonly string[] {
  switch (key) {
    case 'cluster':
      return [cluster.name]
    case 'service':
      return [instance.service]
    case 'datacenter':
      return [instance.datacenter]
    case 'engine':
      return [instance.engine]
    case 'tag':
      return instance.tags
    default:
      return []
  }
}
