/** What the lines of `SHOW GRANTS` say, for the questions that a dump asks. */
export interface Grants {
  /** Whether the role has the privilege on everything in a database. */
  on(privilege: string, database: string): boolean
  /** Whether the role has the privilege on every database. */
  everywhere(privilege: string): boolean
}

interface GrantLine {
  readonly revoke: boolean
  readonly privileges: ReadonlySet<string>
  /** `*` or a pattern. */
  readonly database: string
}

const all = 'ALL PRIVILEGES'
/** What `ALL PRIVILEGES` at the level of a database does not hold. */
const globalOnly = new Set(['SHOW DATABASES', 'SHOW CREATE ROUTINE', 'SHOW_ROUTINE', 'SUPER', 'RELOAD'])

/**
 * Reads grants, roles included (both servers print those of the active roles). Grants on single tables,
 * columns and routines are left out on purpose: a table created tomorrow would be missing from the dump in
 * silence, so only grants on whole databases count.
 */
export function parseGrants(lines: readonly string[]): Grants {
  const grants = lines.map(parseLine).filter(line => line !== undefined)
  const holds = (
    privilege: string,
    covers: (line: GrantLine) => boolean,
    revokes: (line: GrantLine) => boolean,
  ) => {
    const names = (line: GrantLine) =>
      line.privileges.has(privilege) ||
      (line.privileges.has(all) && (line.database === '*' || !globalOnly.has(privilege)))
    return (
      grants.some(line => !line.revoke && covers(line) && names(line)) &&
      !grants.some(line => line.revoke && revokes(line) && names(line))
    )
  }
  return {
    on: (privilege, database) =>
      holds(
        privilege,
        line => line.database === '*' || matches(line.database, database),
        line => line.database !== '*' && matches(line.database, database),
      ),
    everywhere: privilege =>
      holds(
        privilege,
        line => line.database === '*',
        line => line.database !== '*',
      ),
  }
}

function parseLine(line: string): GrantLine | undefined {
  const match = /^(GRANT|REVOKE) (.+?) ON (?:(\*)|`((?:[^`]|``)*)`)\.\* (?:TO|FROM) /s.exec(line)
  if (match === null) return undefined
  const [, verb, list = '', star, name = ''] = match
  return {
    revoke: verb === 'REVOKE',
    privileges: new Set(list.split(',').map(one => one.trim())),
    database: star ?? name.replaceAll('``', '`'),
  }
}

/** Database names in grants are LIKE patterns: `_` and `%` are wild unless escaped. */
function matches(pattern: string, name: string): boolean {
  const source = [...pattern.matchAll(/\\(.)|([\s\S])/gu)]
    .map(([, escaped, plain = '']) =>
      escaped !== undefined
        ? literal(escaped)
        : plain === '%'
          ? '[\\s\\S]*'
          : plain === '_'
            ? '[\\s\\S]'
            : literal(plain),
    )
    .join('')
  return new RegExp(`^${source}$`, 'u').test(name)
}

function literal(character: string): string {
  return /[\^$\\.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character
}
