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
