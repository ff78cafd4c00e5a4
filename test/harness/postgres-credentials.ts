import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A user with its password, in the forms that tools take. */
export interface Credentials {
  readonly user: string
  readonly password: string
  /** File (0600) that holds the bare password. */
  readonly passwordFile: string
  /** File (0600) in libpq's form, for PGPASSFILE. */
  readonly pgpassFile: string
}

/** Writes the password into files of the folder, readable by this user only. */
export async function writeCredentials(folder: string, user: string, password: string): Promise<Credentials> {
  const name = randomUUID()
  const passwordFile = join(folder, `${name}.password`)
  const pgpassFile = join(folder, `${name}.pgpass`)
  const field = (text: string) => text.replaceAll(/[\\:]/g, '\\$&')
  await writeFile(passwordFile, password, { mode: 0o600 })
  await writeFile(pgpassFile, `*:*:*:${field(user)}:${field(password)}\n`, { mode: 0o600 })
  return { user, password, passwordFile, pgpassFile }
}

/** An identifier as SQL text. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string as SQL text. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
