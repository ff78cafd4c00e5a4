import { AppError } from '../../../shared/errors/index.ts'
import type { DatabaseSettings } from '../../../shared/model/manifest.ts'
import { type AclEntry, aclStatements, parseAclEntry } from './acl.ts'
import { quoteIdentifier, quoteLiteral } from './name.ts'

/** What the target server decides about a replay. */
export interface ReplaySurroundings {
  readonly serverMajor: number
  readonly hasRole: (role: string) => boolean
  /** The role that restores; owns the database where ownership is discarded. */
  readonly restorer: string
  readonly ownership: 'keep' | 'discard'
}

/**
 * Settings whose stored value is a list of quoted names already (`GUC_LIST_QUOTE` in PostgreSQL's source):
 * given back as one literal, they would become one name with commas in it.
 */
const quotedLists = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
])

/** `CREATE DATABASE` under its working name, from template0, in the locale of the backup. */
export function createStatement(
  name: string,
  settings: DatabaseSettings | undefined,
  serverMajor: number,
): string {
  const options = ['TEMPLATE template0']
  const add = (option: string, value: string | undefined) => {
    if (value !== undefined) options.push(`${option} ${quoteLiteral(value)}`)
  }
  const provider = settings?.locale_provider
  add('ENCODING', settings?.encoding)
  if (serverMajor >= 15) add('LOCALE_PROVIDER', provider)
  add('LC_COLLATE', settings?.collation)
  add('LC_CTYPE', settings?.ctype)
  if (provider === 'icu') add('ICU_LOCALE', settings?.icu_locale)
  if (provider === 'icu' && serverMajor >= 16) add('ICU_RULES', settings?.icu_rules)
  if (provider === 'builtin') add('BUILTIN_LOCALE', settings?.builtin_locale)
  if (settings?.tablespace !== undefined) options.push(`TABLESPACE ${quoteIdentifier(settings.tablespace)}`)
  return `CREATE DATABASE ${quoteIdentifier(name)} ${options.join(' ')}`
}

/**
 * The statements that give a restored database the properties of the original. Owner before ACL, since grants
 * are made in the owner's name; `SET`s late, since some would hinder us (`default_transaction_read_only`).
 */
export function replayStatements(
  database: string,
  settings: DatabaseSettings,
  surroundings: ReplaySurroundings,
): readonly string[] {
  const name = quoteIdentifier(database)
  const keep = surroundings.ownership === 'keep'
  const statements: string[] = []
  if (settings.comment !== undefined)
    statements.push(`COMMENT ON DATABASE ${name} IS ${quoteLiteral(settings.comment)}`)
  const owner = keep ? (settings.owner ?? surroundings.restorer) : surroundings.restorer
  if (owner !== surroundings.restorer)
    statements.push(`ALTER DATABASE ${name} OWNER TO ${quoteIdentifier(owner)}`)
  if (keep) statements.push(...aclStatements(database, owner, readAcl(settings.acl), surroundings.hasRole))
  if (settings.connection_limit !== undefined && settings.connection_limit >= 0)
    statements.push(`ALTER DATABASE ${name} CONNECTION LIMIT ${settings.connection_limit}`)
  for (const setting of settings.settings) {
    if (setting.role !== '' && !(keep && surroundings.hasRole(setting.role))) continue
    const subject =
      setting.role === '' ? `DATABASE ${name}` : `ROLE ${quoteIdentifier(setting.role)} IN DATABASE ${name}`
    statements.push(`ALTER ${subject} SET ${settingName(setting.name)} TO ${settingValue(setting)}`)
  }
  return statements
}

/** Custom settings are `class.name`: the dot separates two identifiers. */
function settingName(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.')
}

function settingValue(setting: { readonly name: string; readonly value: string }): string {
  if (!quotedLists.has(setting.name.toLowerCase())) return quoteLiteral(setting.value)
  const items = [...setting.value.matchAll(/"((?:[^"]|"")*)"|([^,\s]+)/g)].map(
    ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare ?? '',
  )
  return items.length === 0 ? "''" : items.map(quoteLiteral).join(', ')
}

function readAcl(acl: readonly string[]): readonly AclEntry[] {
  return acl.map(text => {
    const entry = parseAclEntry(text)
    if (entry === undefined)
      throw new AppError('manifest.invalid', {
        message: 'the manifest holds a database ACL that cannot be read',
        context: { acl: text },
      })
    return entry
  })
}
