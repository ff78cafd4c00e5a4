import type { ClusterId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'

/** What the shortlist goes by: everything else is asked of the few that it keeps. */
export interface DueItem {
  readonly id: string
  readonly clusterId: ClusterId
  readonly dueAt: Millis
  /** When its promise breaks. */
  readonly deadline: Millis
}

/**
 * The most urgent due backups of each cluster, as many as its queue has room for. A cluster works on one job at
 * a time, so more than a handful that wait for it is work for nobody: rows to write, to load at every takeover
 * and to consider at every look, when the order may be another by the time their turn comes. The bound is for
 * each cluster, not for the fleet: the backlog of one must not keep the jobs of another from being made.
 *
 * Most urgent is whose promise breaks first, then who is due longest, then by id.
 */
export class DueShortlist<T extends DueItem> {
  readonly #room: (clusterId: ClusterId) => number
  readonly #kept = new Map<ClusterId, { readonly room: number; readonly items: T[] }>()

  /** @param room how many more jobs may wait for a cluster; cheap, the same whenever it is asked */
  constructor(room: (clusterId: ClusterId) => number) {
    this.#room = room
  }

  /** Whether another one of this cluster could be kept: nothing is remembered, most of a fleet is passed over by it. */
  hasRoom(clusterId: ClusterId): boolean {
    return this.#room(clusterId) > 0
  }

  offer(item: T): void {
    const { room, items } = this.#of(item.clusterId)
    const last = items.at(-1)
    if (room <= 0 || (items.length >= room && last !== undefined && compare(item, last) >= 0)) return
    const at = items.findIndex(each => compare(item, each) < 0)
    items.splice(at < 0 ? items.length : at, 0, item)
    if (items.length > room) items.pop()
  }

  /** The most urgent of all that were kept. */
  take(most: number): readonly T[] {
    return [...this.#kept.values()]
      .flatMap(each => each.items)
      .sort(compare)
      .slice(0, most)
  }

  #of(clusterId: ClusterId): { readonly room: number; readonly items: T[] } {
    const known = this.#kept.get(clusterId)
    if (known !== undefined) return known
    const fresh = { room: this.#room(clusterId), items: [] }
    this.#kept.set(clusterId, fresh)
    return fresh
  }
}

function compare(a: DueItem, b: DueItem): number {
  return a.deadline - b.deadline || a.dueAt - b.dueAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
