import { AppError } from '../../../shared/errors/index.ts'
import type { PostgresSession } from './session.ts'

/** How many objects of a kind are named before "and N more". */
const named = 5

/**
 * What pg_dump would stumble over in the connected database, hours later or (subscriptions) without an error.
 * Members of extensions count only when the extension marks them as configuration: only those are dumped.
 */
const checks: readonly (readonly [string, string])[] = [
  [
    'USAGE on schema',
    `select quote_ident(nspname) as name from pg_namespace n
      where oid >= 16384 and nspname !~ '^pg_' and not has_schema_privilege(oid, 'USAGE')
        and exists (select from pg_class c where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'S'))`,
  ],
  [
    'SELECT on',
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'S') and c.relpersistence <> 't' and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
        and (not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
             or exists (select from pg_extension e where c.oid = any (e.extconfig)))
        and case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'SELECT')
                 else not has_table_privilege(c.oid, 'SELECT') end`,
  ],
  [
    'BYPASSRLS for row-level security on',
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and row_security_active(c.oid)`,
  ],
  [
    // A role that reads all tables still reads no large object (facts-databases §18).
    'SELECT on large object',
    `select m.oid::text as name from pg_largeobject_metadata m
      where not pg_has_role(m.lomowner, 'USAGE')
        and current_setting('lo_compat_privileges') = 'off'
        and not exists (select from aclexplode(m.lomacl) a where a.privilege_type = 'SELECT'
                          and (a.grantee = 0 or pg_has_role(a.grantee, 'USAGE')))`,
  ],
  [
    'superuser (pg_dump leaves subscriptions out otherwise): subscription',
    `select quote_ident(s.subname) as name from pg_subscription s
       join pg_database d on d.oid = s.subdbid and d.datname = current_database()`,
  ],
]

/** Refuses a dump that could not be whole: `database.privilege-missing`, naming what is to be granted. */
export async function checkPrivileges(session: PostgresSession, database: string): Promise<void> {
  const missing: string[] = []
  for (const [privilege, query] of checks) {
    const rows = await session.query<{ name: string }>(`${query} limit 1000`)
    if (rows.length === 0) continue
    const names = rows.slice(0, named).map(row => row.name)
    const more =
      rows.length > named ? ` and ${rows.length === 1000 ? 'over 990' : rows.length - named} more` : ''
    missing.push(`${privilege} ${names.join(', ')}${more}`)
  }
  if (missing.length > 0) throw new AppError('database.privilege-missing', { context: { database, missing } })
}
