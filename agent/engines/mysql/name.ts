import { AppError } from '../../../shared/errors/index.ts'

/** 64 characters of the Basic Multilingual Plane. */
const maxNameCharacters = 64
export const maxNameBytes = maxNameCharacters * 3

/** Schemas that belong to the server. */
export const systemSchemas = ['information_schema', 'performance_schema', 'mysql', 'sys'] as const

/** Refuses names that cannot exist on a server, before anything is asked of it. */
export function checkName(name: string): void {
  const characters = [...name].length
  const reason =
    name === ''
      ? 'it is empty'
      : name.includes('\0')
        ? 'it holds a NUL'
        : !name.isWellFormed() || /[\u{10000}-\u{10ffff}]/u.test(name)
          ? 'it holds a character outside the Basic Multilingual Plane'
          : characters > maxNameCharacters
            ? `it has ${characters} characters, ${maxNameCharacters} are allowed`
            : undefined
  if (reason !== undefined)
    throw new AppError('database.name-unsupported', {
      message: `the database name cannot exist on this engine: ${reason}`,
      context: { database: name },
    })
}

/** An identifier for SQL text. */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

/** A string for SQL text, in hexadecimal: safe under every sql_mode and against every character. */
export function quoteLiteral(text: string): string {
  return text === '' ? "''" : `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`
}

/**
 * Whether mariadb-dump and mysqldump stumble over this database's name: they escape it for a string and then
 * select the database of the escaped name (`Unknown database 'a\"b'`). These are the characters that
 * `mysql_real_escape_string` changes; seen with 10.11 for each of them, and with no other.
 */
export function breaksDumpTool(name: string): boolean {
  return ['\n', '\r', '\x1a', '"', "'", '\\'].some(character => name.includes(character))
}
