import { AppError } from '../../../shared/errors/index.ts'
import type { EngineContext, InstanceTarget } from '../port.ts'
import type { Dialect } from './dialect.ts'
import { quoteIdentifier, quoteLiteral } from './name.ts'
import { type MysqlSession, withSession } from './session.ts'

/** Stored programs: whatever carries code and the surroundings that it was made in. */
export type ProgramKind = 'EVENT' | 'TRIGGER' | 'FUNCTION' | 'PROCEDURE' | 'PACKAGE' | 'PACKAGE BODY'

/** One stored program of a database. */
export interface Program {
  readonly kind: ProgramKind
  readonly name: string
  /** The database's collation when the program was made: it decides what its variables are. */
  readonly collation: string
  /** Whether this is an event that holds `;;`: the dump tool looks for another delimiter and never ends (seen with 10.11). */
  readonly endless: 0 | 1
}

/** A program as `SHOW CREATE` gives it; every text holds *bytes*, one a character (latin1). */
export interface ShownProgram {
  readonly sqlMode: string
  /** Only events have one. */
  readonly timeZone?: string
  readonly statement: string
  readonly characterSetClient: string
  readonly collationConnection: string
  readonly databaseCollation: string
}

/** Every program of a database, in an order in which they can be made again. */
export async function listPrograms(session: MysqlSession, database: string): Promise<readonly Program[]> {
  const name = quoteLiteral(database)
  const object = (kind: string, column: string, endless = 'FALSE') =>
    `SELECT JSON_OBJECT('kind', ${kind}, 'name', ${column}, 'collation', database_collation, 'endless', IF(${endless}, 1, 0))`
  const routines = await session.rows<Program>(
    `${object('routine_type', 'routine_name')} FROM information_schema.routines WHERE routine_schema = ${name}
      ORDER BY FIELD(routine_type, 'FUNCTION', 'PROCEDURE', 'PACKAGE', 'PACKAGE BODY'), routine_name`,
  )
  // Of two triggers on the same action the one that was made first fires first.
  const triggers = await session.rows<Program>(
    `${object("'TRIGGER'", 'trigger_name')} FROM information_schema.triggers WHERE trigger_schema = ${name}
      ORDER BY event_object_table, action_timing, event_manipulation, action_order`,
  )
  const text = "CONCAT_WS(' ', definer, event_name, event_definition, event_comment)"
  const events = await session.rows<Program>(
    `${object("'EVENT'", 'event_name', `LOCATE(';;', ${text})`)} FROM information_schema.events WHERE event_schema = ${name} ORDER BY event_name`,
  )
  return [...routines, ...triggers, ...events]
}

/**
 * The SQL text that makes these programs again, as bytes: each statement is in the character set of the client
 * that it came from, as in a dump of the tool. It names no database, and ends with the tool's footer.
 *
 * Errors: `database.privilege-missing` when the server hides a body.
 */
export async function scriptOf(
  target: InstanceTarget,
  dialect: Dialect,
  context: EngineContext,
  database: string,
  programs: readonly Program[],
  collation: string,
): Promise<Buffer> {
  return withSession(target, dialect, context, { bytes: true }, async session => {
    // As the dump tools do: nothing is converted, every identifier is quoted, times are in one zone.
    await session.run(
      "SET SESSION character_set_results = binary, sql_mode = '', sql_quote_show_create = 1, time_zone = '+00:00'",
    )
    const shown: ShownProgram[] = []
    for (const { kind, name } of programs) {
      const [line = ''] = await session.run(
        `SHOW CREATE ${kind} ${quoteIdentifier(database)}.${quoteIdentifier(name)}`,
      )
      const program = readShown(kind, line)
      if (!/^CREATE\b/i.test(program.statement))
        throw new AppError('database.privilege-missing', {
          context: {
            database,
            missing: [`reading the body of ${kind.toLowerCase()} ${JSON.stringify(name)}`],
          },
        })
      shown.push(program)
    }
    return Buffer.from(renderScript(shown, collation), 'latin1')
  })
}

/** Takes one line of `SHOW CREATE` in the client's batch format apart. */
export function readShown(kind: ProgramKind, line: string): ShownProgram {
  const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', '0': '\0', '\\': '\\' }
  const columns = line
    .split('\t')
    .slice(1)
    .map(column => column.replaceAll(/\\([nt0\\])/g, (whole, letter: string) => escapes[letter] ?? whole))
  const [sqlMode = ''] = columns
  const timeZone = kind === 'EVENT' ? columns[1] : undefined
  const [statement = '', characterSetClient = '', collationConnection = '', databaseCollation = ''] =
    columns.slice(kind === 'EVENT' ? 2 : 1)
  return {
    sqlMode,
    ...(timeZone === undefined ? {} : { timeZone }),
    statement,
    characterSetClient,
    collationConnection,
    databaseCollation,
  }
}

/**
 * The script of some programs for a database of this collation. ALTER DATABASE has no name and so means the
 * database that is restored; the dump tools write the name of the *original*, which a copy must not touch.
 */
export function renderScript(programs: readonly ShownProgram[], collation: string): string {
  const kept = [
    'sql_mode',
    'time_zone',
    'character_set_client',
    'character_set_results',
    'collation_connection',
  ]
  const lines = [`SET ${kept.map(name => `@holdfast_${name} = @@${name}`).join(', ')};`]
  let current = collation
  for (const program of programs) {
    if (program.databaseCollation !== current)
      lines.push(`ALTER DATABASE COLLATE = ${word(program.databaseCollation)};`)
    current = program.databaseCollation
    const client = word(program.characterSetClient)
    lines.push(
      `SET character_set_client = ${client}, character_set_results = ${client}, collation_connection = ${word(program.collationConnection)};`,
      `SET sql_mode = ${text(program.sqlMode)}${program.timeZone === undefined ? '' : `, time_zone = ${text(program.timeZone)}`};`,
    )
    let delimiter = ';;'
    while (program.statement.includes(delimiter)) delimiter += ';'
    // On a line of its own, since the statement may end with a comment.
    lines.push(`DELIMITER ${delimiter}`, program.statement, delimiter, 'DELIMITER ;')
  }
  if (current !== collation) lines.push(`ALTER DATABASE COLLATE = ${word(collation)};`)
  lines.push(`SET ${kept.map(name => `${name} = @holdfast_${name}`).join(', ')};`)
  return `${lines.join('\n')}\n\n-- Dump completed\n`
}

/** A character set or collation: a bare word, or it is none. */
function word(name: string): string {
  if (/^\w+$/.test(name)) return name
  throw new AppError('internal', { message: 'the server named an odd character set', context: { name } })
}

/** A string of the server's own vocabulary; backslashes, which not every mode escapes, are in none. */
function text(value: string): string {
  if (!value.includes('\\')) return `'${value.replaceAll("'", "''")}'`
  throw new AppError('internal', { message: 'the server named an odd mode or time zone', context: { value } })
}
