import { AppError } from '../../../shared/errors/index.ts'

/** NAMEDATALEN - 1: a longer name is cut by the server without a word. */
export const maxNameBytes = 63

/**
 * Refuses names that cannot exist on a server, before anything is asked of it. Whatever passes here is
 * carried as is: every other byte is legal in a database name.
 */
export function checkName(name: string): void {
  const bytes = Buffer.byteLength(name)
  const reason =
    name === ''
      ? 'it is empty'
      : name.includes('\0')
        ? 'it holds a NUL'
        : !name.isWellFormed()
          ? 'it is not valid Unicode'
          : bytes > maxNameBytes
            ? `it has ${bytes} bytes, PostgreSQL allows ${maxNameBytes}`
            : undefined
  if (reason !== undefined)
    throw new AppError('database.name-unsupported', {
      message: `the database name cannot exist on PostgreSQL: ${reason}`,
      context: { database: name },
    })
}

/** An identifier for SQL text: always quoted, so that case and odd characters survive. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string literal for SQL text, safe whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? `E${quoted}` : quoted
}

/**
 * The hidden name of a restore: what it will be called, cut at a whole character, and the random end of the
 * attempt id (the head of a UUIDv7 is time, which two attempts can share).
 */
export function workingNameOf(into: string, attemptId: string): string {
  const suffix = `__restoring_${attemptId.replaceAll(/[^0-9a-zA-Z]/g, '').slice(-12)}`
  let head = into
  while (Buffer.byteLength(head) + Buffer.byteLength(suffix) > maxNameBytes)
    head = [...head].slice(0, -1).join('')
  return head + suffix
}
