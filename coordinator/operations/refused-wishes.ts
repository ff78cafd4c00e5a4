import type { ClusterId } from '../../shared/model/identifiers.ts'
import type { Finding } from '../policy/lint/index.ts'
import type { DatabaseRecord } from '../store/records.ts'
import { wishOf } from './subject.ts'
import type { Term } from './term.ts'

/** Why the policy that service meta names for a database is not in effect; undefined: it is, or none is named. */
export function refusedWish(
  database: DatabaseRecord,
  term: Pick<Term, 'fleet' | 'policies'>,
): string | undefined {
  return database.goneSince === undefined ? wishOf(database, term).refused : undefined
}

/** The same of a cluster's databases, each reason once. */
export function refusedWishesOf(
  clusterId: ClusterId,
  term: Pick<Term, 'fleet' | 'policies'>,
): readonly string[] {
  const found = term.fleet.databasesOf(clusterId).flatMap(({ record }) => refusedWish(record, term) ?? [])
  return [...new Set(found)].sort()
}

/** Collects refusals of a fleet as findings, one for each cluster and reason. */
export class RefusedWishes {
  readonly #found = new Map<string, { readonly clusterId: ClusterId; readonly why: string; count: number }>()

  add(database: DatabaseRecord, why: string): void {
    const key = `${database.clusterId} ${why}`
    const known = this.#found.get(key)
    if (known === undefined) this.#found.set(key, { clusterId: database.clusterId, why, count: 1 })
    else known.count++
  }

  findings({ fleet }: Pick<Term, 'fleet'>): readonly Finding[] {
    return [...this.#found.values()]
      .map(({ clusterId, why, count }) => ({
        code: 'meta-refused' as const,
        severity: 'warning' as const,
        where: fleet.cluster(clusterId)?.name ?? clusterId,
        text: `what its service meta asks for is not in effect for ${count === 1 ? 'a database' : `${count} databases`}: ${why}`,
      }))
      .sort((a, b) => (`${a.where} ${a.text}` < `${b.where} ${b.text}` ? -1 : 1))
  }
}
