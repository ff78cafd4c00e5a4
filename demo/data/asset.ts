import { join } from 'node:path'

/** Path of an SQL file in this folder. */
export function sqlFile(name: 'postgres.sql' | 'mariadb.sql'): string {
  return join(import.meta.dirname, name)
}
