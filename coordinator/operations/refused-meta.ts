import type { ClusterId } from '../../shared/model/identifiers.ts'
import { readServiceMeta } from '../fleet/service-meta.ts'
import { refusedWishesOf } from './refused-wishes.ts'
import type { Term } from './term.ts'

/**
 * Audits, once a term, what service meta asked for and did not get: whoever may write to Consul tried to choose a
 * policy that there is none of, or to weaken one (architecture §11), and that leaves a trace.
 */
export class RefusedMetaWatch {
  readonly #told = new Set<string>()

  run(term: Pick<Term, 'fleet' | 'policies' | 'refused'>): void {
    const asking = new Set<ClusterId>()
    for (const { clusterId, goneSince, meta } of term.fleet.instances())
      if (goneSince === undefined && readServiceMeta(meta).wishes.policy !== undefined) asking.add(clusterId)
    for (const id of asking)
      for (const why of refusedWishesOf(id, term)) {
        const key = `${id} ${why}`
        if (this.#told.has(key)) continue
        this.#told.add(key)
        term.refused('discovery', 'meta-refused', `${term.fleet.cluster(id)?.name ?? id}: ${why}`)
      }
  }
}
