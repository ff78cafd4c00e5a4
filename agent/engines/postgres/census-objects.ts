import type { PostgresSession } from './session.ts'

/**
 * How many objects of each kind there are, in terms that are equal after a restore, also into a newer major: nothing
 * that belongs to an extension, is made by the server itself beside another object (constructors of ranges, what
 * partitions get from their parent, not-null constraints, which PostgreSQL 18 counts and others do not), or is not
 * dumped (indexes that are not valid, subscriptions).
 */
export async function countObjects(
  session: Pick<PostgresSession, 'query'>,
  major: number,
): Promise<Readonly<Record<string, number>>> {
  const rows = await session.query<{ kind: string; count: string }>(query(major))
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, Number(count)]))
}

function query(major: number): string {
  const notOf = (catalog: string, oid: string, types = `'e'`) =>
    `not exists (select from pg_depend d where d.classid = '${catalog}'::regclass and d.objid = ${oid} and d.deptype in (${types}))`
  const parts: Readonly<Record<string, string>> = {
    views: `rel where relkind = 'v'`,
    'materialized views': `rel where relkind = 'm'`,
    // stale or not is no part of a dump: it is refreshed by the restore
    'populated materialized views': `rel where relkind = 'm' and relispopulated`,
    sequences: `rel where relkind = 'S'`,
    'foreign tables': `rel where relkind = 'f'`,
    indexes: `pg_index x join rel t on t.oid = x.indrelid
               where not t.relispartition and x.indisready and (x.indisvalid or t.relkind = 'p')`,
    constraints: `pg_constraint c left join rel t on t.oid = c.conrelid
                   where c.contype in ('c', 'f', 'p', 'u', 'x') ${major >= 11 ? 'and c.conparentid = 0' : ''}
                     and ((t.oid is not null and not t.relispartition)
                       or (c.conrelid = 0 and exists (select from ns where ns.oid = c.connamespace)
                           and ${notOf('pg_type', 'c.contypid')}))`,
    triggers: `pg_trigger g join rel t on t.oid = g.tgrelid where not g.tgisinternal and not t.relispartition`,
    rules: `pg_rewrite r join rel t on t.oid = r.ev_class where r.rulename <> '_RETURN'`,
    policies: 'pg_policy p join rel t on t.oid = p.polrelid',
    functions: `pg_proc p join ns on ns.oid = p.pronamespace where ${notOf('pg_proc', 'p.oid', `'e', 'i'`)}`,
    types: `pg_type y join ns on ns.oid = y.typnamespace
             where (y.typtype in ('e', 'd', 'r')
                or (y.typtype = 'c' and exists (select from pg_class c where c.oid = y.typrelid and c.relkind = 'c')))
               and ${notOf('pg_type', 'y.oid')}`,
    collations: `pg_collation o join ns on ns.oid = o.collnamespace where ${notOf('pg_collation', 'o.oid')}`,
    'extended statistics': `pg_statistic_ext s join ns on ns.oid = s.stxnamespace`,
    schemas: `ns where nspname <> 'public' and ${notOf('pg_namespace', 'ns.oid')}`,
    extensions: `pg_extension where extname <> 'plpgsql'`,
    'event triggers': `pg_event_trigger v where ${notOf('pg_event_trigger', 'v.oid')}`,
    publications: 'pg_publication',
    'large objects': 'pg_largeobject_metadata',
  }
  const selects = Object.entries(parts).map(
    ([kind, from]) => `select '${kind}' as kind, count(*)::text as count from ${from}`,
  )
  return `with ns as (select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
     rel as (select c.oid, c.relkind, c.relispopulated, c.relispartition from pg_class c join ns on ns.oid = c.relnamespace
              where c.relpersistence <> 't' and ${notOf('pg_class', 'c.oid')})
     ${selects.join('\n union all ')}`
}
