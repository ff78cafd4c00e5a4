import { matches } from '../policy/pattern.ts'
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
  return judged.length > 0 && judged.every(instance => selectsInstance(selector, cluster, instance))
}

/** Whether a selector means one server of a cluster. */
export function selectsInstance(
  selector: Labels,
  cluster: Pick<ClusterRecord, 'name'>,
  instance: Pick<InstanceRecord, 'service' | 'datacenter' | 'engine' | 'tags'>,
): boolean {
  return Object.entries(selector).every(([key, patterns]) => {
    const values = valuesOf(key, cluster, instance)
    return patterns.some(pattern => values.some(value => matches(pattern, value)))
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
