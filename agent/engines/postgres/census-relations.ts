import type { PostgresSession } from './session.ts'

/** A relation that may hold rows: table, partitioned table, foreign table. */
export interface CensusRelation {
  readonly oid: string
  readonly kind: 'r' | 'p' | 'f'
  readonly schema: string
  readonly name: string
  readonly unlogged: boolean
  /** Whose partition it is. */
  readonly parent: string | null
}

/** What is counted as one table: itself, or a partitioned table with all that its rows may lie in. */
export interface CensusRoot {
  readonly root: CensusRelation
  readonly leaves: readonly CensusRelation[]
}

/**
 * Every relation whose rows a dump may have. None of extensions: what CREATE EXTENSION makes differs between their
 * versions, and of their configuration tables a dump has the rows somebody added.
 */
export async function listCensusRelations(
  session: Pick<PostgresSession, 'query'>,
): Promise<readonly CensusRelation[]> {
  return session.query<CensusRelation>(
    `select c.oid::text as oid, c.relkind::text as kind, n.nspname::text as schema, c.relname::text as name,
            c.relpersistence = 'u' as unlogged,
            case when c.relispartition then (select i.inhparent::text from pg_inherits i where i.inhrelid = c.oid) end as parent
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't'
        and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        and not exists (select from pg_depend m where m.classid = 'pg_class'::regclass and m.objid = c.oid
                           and m.objsubid = 0 and m.deptype = 'e')
        and not exists (select from pg_extension e where c.oid = any (e.extconfig))
      order by c.oid`,
  )
}

/**
 * Groups partitions under their roots: restored, rows of a table partitioned by the hash of an enum lie in other
 * leaves, so that a leaf by itself proves nothing (facts-databases §4). Pure.
 */
export function censusRoots(relations: readonly CensusRelation[]): readonly CensusRoot[] {
  const byOid = new Map(relations.map(each => [each.oid, each]))
  const rootOf = (relation: CensusRelation): CensusRelation => {
    let at = relation
    for (let next = parentOf(at); next !== undefined; next = parentOf(at)) at = next
    return at
  }
  const parentOf = ({ parent }: CensusRelation) => (parent === null ? undefined : byOid.get(parent))
  const roots = new Map<string, { root: CensusRelation; leaves: CensusRelation[] }>()
  for (const relation of relations) {
    const root = rootOf(relation)
    const group = roots.get(root.oid) ?? { root, leaves: [] }
    roots.set(root.oid, group)
    if (relation.kind !== 'p') group.leaves.push(relation)
  }
  return [...roots.values()]
}
