import type { Requirements } from '../../../shared/model/manifest.ts'
import type { PostgresSession } from './session.ts'

/**
 * Roles that the connected database depends on: `pg_shdepend` knows owners, grants and policies. The bootstrap
 * superuser is pinned and stands in no row, so it is looked for by what it owns; roles that only have settings
 * in this database are in `pg_db_role_setting`.
 */
const rolesQuery = `
  with db as (select oid, datdba from pg_database where datname = current_database())
  select r.rolname::text as name from pg_roles r, db
   where r.oid = db.datdba
      or r.oid in (select refobjid from pg_shdepend s
                    where s.refclassid = 'pg_authid'::regclass
                      and (s.dbid = db.oid or (s.classid = 'pg_database'::regclass and s.objid = db.oid)))
      or r.oid in (select setrole from pg_db_role_setting where setdatabase = db.oid)
      or (r.oid = 10 and (exists (select from pg_class where relowner = 10 and oid >= 16384)
                       or exists (select from pg_proc where proowner = 10 and oid >= 16384)
                       or exists (select from pg_namespace where nspowner = 10 and oid >= 16384
                                                             and nspname !~ '^pg_(toast_)?temp_')
                       or exists (select from pg_type where typowner = 10 and oid >= 16384)
                       or exists (select from pg_largeobject_metadata where lomowner = 10)))
   order by 1`

const tablespacesQuery = `
  select spcname::text as name from pg_tablespace t
   where spcname not in ('pg_default', 'pg_global')
     and (exists (select from pg_class c where c.reltablespace = t.oid)
       or exists (select from pg_database d where d.datname = current_database() and d.dattablespace = t.oid))
   order by 1`

const localesQuery = `
  select datcollate::text as name from pg_database where datname = current_database()
  union select datctype::text from pg_database where datname = current_database()
  union select collcollate::text from pg_collation where oid >= 16384 and collcollate is not null
  order by 1`

/** What a server must have before this database can be restored into it. */
export async function readRequirements(session: PostgresSession): Promise<Requirements> {
  const names = async (query: string) => (await session.query<{ name: string }>(query)).map(row => row.name)
  const extensions = await session.query<{ name: string; version: string }>(
    `select extname::text as name, extversion as version from pg_extension where extname <> 'plpgsql' order by 1`,
  )
  // pg_settings leaves out what the role may not see, where current_setting() would fail.
  const [preload] = await names(
    `select setting as name from pg_settings where name = 'shared_preload_libraries'`,
  )
  return {
    extensions: [...extensions],
    preload_libraries: (preload ?? '')
      .split(',')
      .map(library => library.trim())
      .filter(library => library !== ''),
    locales: await names(localesQuery),
    tablespaces: await names(tablespacesQuery),
    roles: await names(rolesQuery),
  }
}
