import { quoteIdentifier } from './name.ts'
import type { PostgresSession } from './session.ts'

/** A table, partitioned table or view of the connected database. */
export interface Relation {
  readonly oid: string
  /** `r` table, `p` partitioned table, `v` view. */
  readonly kind: 'r' | 'p' | 'v'
  readonly schema: string
  readonly name: string
  readonly unlogged: boolean
  /** Made by CREATE EXTENSION; pg_dump leaves it to that. */
  readonly member: boolean
  /** Marked by its extension as configuration: a member whose rows are dumped. */
  readonly config: boolean
  /** Our role may read, and so lock it. */
  readonly readable: boolean
}

/**
 * A relation as SQL and as pg_dump's `-t` name it: between double quotes everything is literal to both, and
 * unquoted `-t app.ABC` silently dumps `abc`.
 */
export function qualified({ schema, name }: Pick<Relation, 'schema' | 'name'>): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}

/** Every relation that a dump touches, in order of oid. Schemas named `pg_…` are the server's own. */
export async function listRelations(session: PostgresSession): Promise<readonly Relation[]> {
  return session.query<Relation>(
    `select c.oid::text as oid, c.relkind::text as kind, n.nspname::text as schema, c.relname::text as name,
            c.relpersistence = 'u' as unlogged, m.objid is not null as member,
            exists (select from pg_extension e where c.oid = any (e.extconfig)) as config,
            coalesce(has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT'), false) as readable
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       left join pg_depend m on m.classid = 'pg_class'::regclass and m.objid = c.oid and m.objsubid = 0 and m.deptype = 'e'
      where c.relkind in ('r', 'p', 'v') and c.relpersistence <> 't'
        and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      order by c.oid`,
  )
}

/** Whether two lists are of the same relations under the same names. */
export function sameRelations(before: readonly Relation[], after: readonly Relation[]): boolean {
  const keyOf = (each: Relation) =>
    JSON.stringify([each.oid, each.kind, each.schema, each.name, each.unlogged, each.member, each.config])
  return (
    before.length === after.length &&
    before.every((each, index) => {
      const other = after[index]
      return other !== undefined && keyOf(each) === keyOf(other)
    })
  )
}

/** What the dump locks: all it reads, and the views, whose definitions it reads. Members are their extension's. */
export function lockedRelations(relations: readonly Relation[]): {
  readonly tables: readonly Relation[]
  readonly views: readonly Relation[]
} {
  const wanted = relations.filter(each => !each.member || each.config)
  return {
    tables: wanted.filter(each => each.kind !== 'v'),
    views: wanted.filter(each => each.kind === 'v' && each.readable),
  }
}

/** Tables whose rows the streams must hold: `once` exactly once, `optional` once at most. */
export interface ExpectedTables {
  readonly once: readonly Relation[]
  readonly optional: readonly Relation[]
}

/**
 * As pg_dump decides it: every plain table that is no member of an extension; configuration tables as their
 * extension says; no rows of unlogged tables on a replica, which has none.
 */
export function expectedTables(relations: readonly Relation[], role: 'primary' | 'replica'): ExpectedTables {
  const plain = relations.filter(each => each.kind === 'r' && !(each.unlogged && role === 'replica'))
  return {
    once: plain.filter(each => !each.member && !each.config),
    optional: plain.filter(each => each.config),
  }
}

/** A table that may get a stream of its own. */
export interface SizedTable {
  readonly oid: string
  readonly schema: string
  readonly name: string
  /** On disk with its TOAST, without indexes. */
  readonly bytes: number
  /** Sequences that belong to its columns, qualified. */
  readonly sequences: readonly string[]
}

/**
 * Sizes of the tables that may get a stream of their own: never members of an extension, whose foreign keys are
 * there from CREATE EXTENSION on (facts-databases §4). Reads file sizes, so only once the tables are locked:
 * otherwise it would wait for whoever holds one.
 */
export async function sizeTables(session: PostgresSession): Promise<{
  readonly tables: readonly SizedTable[]
  readonly otherBytes: number
}> {
  const rows = await session.query<{
    oid: string
    schema: string
    name: string
    bytes: string
    sequences: { schema: string; name: string }[] | null
  }>(
    `select c.oid::text as oid, n.nspname::text as schema, c.relname::text as name,
            coalesce(pg_table_size(c.oid), 0)::text as bytes,
            (select json_agg(json_build_object('schema', sn.nspname, 'name', s.relname))
               from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
               join pg_namespace sn on sn.oid = s.relnamespace
              where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
                and d.refobjid = c.oid and d.deptype in ('a', 'i')) as sequences
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        and not exists (select from pg_depend m where m.classid = 'pg_class'::regclass and m.objid = c.oid
                           and m.objsubid = 0 and m.deptype = 'e')
        and not exists (select from pg_extension e where c.oid = any (e.extconfig))`,
  )
  const [other] = await session.query<{ bytes: string }>(
    `select coalesce(pg_table_size('pg_catalog.pg_largeobject'), 0)::text as bytes`,
  )
  return {
    tables: rows.map(({ sequences, ...row }) => ({
      ...row,
      bytes: Number(row.bytes),
      sequences: (sequences ?? []).map(qualified),
    })),
    otherBytes: Number(other?.bytes ?? 0),
  }
}
