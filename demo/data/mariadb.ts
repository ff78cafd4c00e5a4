import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { run } from '../../test/harness/run.ts'
import { sqlFile } from './asset.ts'

/** A MariaDB server and a user who may do everything; a `MariadbServer` of the harness is one. `bin` has mariadb. */
export interface MariadbAccess {
  readonly bin: string
  readonly host: string
  readonly port: number
  /** File with user and password for --defaults-extra-file. */
  readonly optionFile: string
}

/** Fills an empty database with the library: some 60 MB at scale 1, in a few seconds. */
export async function fillMariadb(server: MariadbAccess, database: string, scale = 1): Promise<void> {
  await mariadb(server, database, `SET @scale = ${scale};\n${await readFile(sqlFile('mariadb.sql'), 'utf8')}`)
}

/** Runs statements by the client and returns its rows, tab separated, unescaped, without headings. Throws with the server's message. */
export async function mariadb(server: MariadbAccess, database: string, statements: string): Promise<string> {
  const args = [
    `--defaults-extra-file=${server.optionFile}`,
    `--host=${server.host}`,
    `--port=${server.port}`,
    '--protocol=tcp',
    '--default-character-set=utf8mb4',
    '--batch',
    '--raw',
    '--skip-column-names',
    `--database=${database}`,
  ]
  return (await run(join(server.bin, 'mariadb'), args, { input: statements })).stdout
}
