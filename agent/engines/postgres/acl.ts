import { quoteIdentifier } from './name.ts'

/** One entry of a database ACL in PostgreSQL's own text form, e.g. `alice=C*Tc/postgres`. */
export interface AclEntry {
  /** Empty for PUBLIC. */
  readonly grantee: string
  readonly grantor: string
  readonly privileges: readonly { readonly name: string; readonly grantable: boolean }[]
}

/** The letters that a database can have (PostgreSQL manual, table 5.1). */
const letters: Readonly<Record<string, string>> = { C: 'CREATE', T: 'TEMPORARY', c: 'CONNECT' }

/** Reads an entry; undefined when it is not in the form `grantee=letters/grantor`. */
export function parseAclEntry(text: string): AclEntry | undefined {
  const match = /^("(?:[^"]|"")*"|[^"=]*)=((?:[A-Za-z]\*?)*)\/("(?:[^"]|"")*"|[^"]+)$/s.exec(text)
  if (match === null) return undefined
  const [, grantee = '', codes = '', grantor = ''] = match
  const privileges: { name: string; grantable: boolean }[] = []
  for (const [, letter = '', star] of codes.matchAll(/([A-Za-z])(\*?)/g)) {
    const name = letters[letter]
    if (name === undefined) return undefined
    privileges.push({ name, grantable: star === '*' })
  }
  return { grantee: unquote(grantee), grantor: unquote(grantor), privileges }
}

/**
 * Statements that bring a fresh database to `acl`, which is the whole effective list, so that everything is
 * revoked first. Run as a superuser or the owner; a grant counts as the owner's, whoever runs it.
 *
 * @param hasRole decides which grantees exist here; entries of others are left out
 */
export function aclStatements(
  database: string,
  owner: string,
  acl: readonly AclEntry[],
  hasRole: (role: string) => boolean,
): readonly string[] {
  const on = `ON DATABASE ${quoteIdentifier(database)}`
  const statements = [`REVOKE ALL ${on} FROM PUBLIC`, `REVOKE ALL ${on} FROM ${quoteIdentifier(owner)}`]
  // The owner's own grants first: they carry the right to those that follow.
  for (const entry of [...acl].sort((a, b) => Number(a.grantor !== owner) - Number(b.grantor !== owner))) {
    if (entry.grantee !== '' && !hasRole(entry.grantee)) continue
    const to = entry.grantee === '' ? 'PUBLIC' : quoteIdentifier(entry.grantee)
    const foreign = entry.grantor !== owner && hasRole(entry.grantor)
    for (const grantable of [false, true]) {
      const names = entry.privileges.filter(one => one.grantable === grantable).map(one => one.name)
      if (names.length === 0) continue
      const grant = `GRANT ${names.join(', ')} ${on} TO ${to}${grantable ? ' WITH GRANT OPTION' : ''}`
      // As pg_dump does: the grant is made in the name of the role that gave it.
      if (foreign) statements.push(`SET SESSION AUTHORIZATION ${quoteIdentifier(entry.grantor)}`)
      statements.push(grant)
      if (foreign) statements.push('RESET SESSION AUTHORIZATION')
    }
  }
  return statements
}

function unquote(role: string): string {
  return role.startsWith('"') ? role.slice(1, -1).replaceAll('""', '"') : role
}
