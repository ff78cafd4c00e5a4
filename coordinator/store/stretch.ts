import type { ClusterId, DatabaseId } from '../../shared/model/identifiers.ts'
import type { ListOrder } from './page.ts'
import type { Stretch } from './port.ts'

/** The order of a list from the end that is asked for; a token of one direction would leave out rows in the other. */
export function fromEnd(order: ListOrder, { oldestFirst }: Stretch): ListOrder {
  return oldestFirst === true ? { ...order, list: `${order.list}-oldest-first`, direction: 'asc' } : order
}

/** The bounds of a stretch as they are compared: an absent one lets everything through. */
export function boundsOf({ since, until }: Stretch): readonly (readonly ['>=' | '<', number])[] {
  return [
    ...(since === undefined ? [] : [['>=', since] as const]),
    ...(until === undefined ? [] : [['<', until] as const]),
  ]
}

interface OfMany {
  readonly databaseId?: DatabaseId
  readonly clusterId?: ClusterId
  readonly databaseIds?: readonly DatabaseId[]
  readonly clusterIds?: readonly ClusterId[]
}

/** A filter for several databases or clusters as one for each: every part goes along an index of its own. */
export function partsOf<T extends OfMany>(filter: T): readonly T[] {
  const { databaseIds, clusterIds } = filter
  if (databaseIds !== undefined)
    return [...new Set(databaseIds)].map(databaseId => ({ ...filter, databaseId }))
  if (clusterIds !== undefined) return [...new Set(clusterIds)].map(clusterId => ({ ...filter, clusterId }))
  return [filter]
}
