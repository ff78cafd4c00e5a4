import { AppError } from '../../../shared/errors/index.ts'
import type { DatabaseSettings } from '../../../shared/model/manifest.ts'
import type { PostgresSession } from './session.ts'

const providers: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin', d: 'libc' }

interface PropertyRow {
  readonly row: Readonly<Record<string, unknown>>
  readonly encoding: string
  readonly owner: string
  readonly comment: string | null
  readonly tablespace: string
  readonly acl: string[]
}

/**
 * The properties of the connected database that `pg_restore` without `--create` loses and that globals do not
 * have either (facts-databases §4): locale, owner, ACL, comment, limit, `ALTER DATABASE … SET` also by role.
 */
export async function readSettings(session: PostgresSession): Promise<DatabaseSettings> {
  // The whole row as JSON: columns come and go between versions (datlocprovider 15, daticurules 16, datlocale 17).
  const [found] = await session.query<PropertyRow>(
    `select to_jsonb(d) as row, pg_encoding_to_char(d.encoding)::text as encoding, r.rolname::text as owner,
            shobj_description(d.oid, 'pg_database') as comment, t.spcname::text as tablespace,
            array(select a::text from unnest(coalesce(d.datacl, acldefault('d', d.datdba))) a) as acl
       from pg_database d join pg_roles r on r.oid = d.datdba join pg_tablespace t on t.oid = d.dattablespace
      where d.datname = current_database()`,
  )
  if (found === undefined) throw new AppError('database.gone')
  const settings = await session.query<{ name: string; value: string; role: string }>(
    `select split_part(u.c, '=', 1) as name, substr(u.c, strpos(u.c, '=') + 1) as value, coalesce(r.rolname::text, '') as role
       from pg_db_role_setting s
       join pg_database d on d.oid = s.setdatabase and d.datname = current_database()
       left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) with ordinality u(c, place)
      order by 3, u.place`,
  )
  const { row } = found
  const text = (key: string) => (typeof row[key] === 'string' && row[key] !== '' ? row[key] : undefined)
  const provider = providers[text('datlocprovider') ?? 'c'] ?? 'libc'
  const locale = text('datlocale') ?? text('daticulocale')
  const rules = text('daticurules')
  return {
    encoding: found.encoding,
    collation: text('datcollate') ?? 'C',
    ctype: text('datctype') ?? 'C',
    locale_provider: provider,
    ...(provider === 'icu' && locale !== undefined ? { icu_locale: locale } : {}),
    ...(provider === 'builtin' && locale !== undefined ? { builtin_locale: locale } : {}),
    ...(rules === undefined ? {} : { icu_rules: rules }),
    ...(found.comment === null ? {} : { comment: found.comment }),
    owner: found.owner,
    ...(found.tablespace === 'pg_default' ? {} : { tablespace: found.tablespace }),
    acl: found.acl,
    settings: [...settings],
    connection_limit: typeof row.datconnlimit === 'number' ? row.datconnlimit : -1,
  }
}
