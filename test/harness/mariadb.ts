import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'

import { freePort } from './free-port.ts'
import { mariadbTemplate } from './mariadb-template.ts'
import { type OwnedProcess, startProcess } from './owned-process.ts'
import { servicesFolder } from './project-root.ts'
import { provision } from './provision.ts'
import { run } from './run.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { waitUntil } from './wait-until.ts'

/** A MariaDB user in the forms that tools take. */
export interface MariadbCredentials {
  readonly user: string
  readonly password: string
  /** File (0600) that holds the bare password. */
  readonly passwordFile: string
  /** File (0600) with user and password for --defaults-extra-file. */
  readonly optionFile: string
}

/** Further server options, such as `{ 'lower-case-table-names': '1' }`. */
export interface MariadbOptions {
  readonly settings?: Readonly<Record<string, string>>
}

/** A MariaDB server of a test. The credentials are root's. */
export interface MariadbServer extends MariadbCredentials, AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly socket: string
  /** Folder with mariadb, mariadb-dump, mariadb-admin and mariadb-backup. */
  readonly bin: string
  /** Folder with mariadbd itself. */
  readonly sbin: string
  readonly pid: number
  /** Runs statements (or a dump) and returns tab-separated rows without headings, trimmed. Throws with the server's message. */
  sql(statements: string, database?: string): Promise<string>
  createDatabase(name: string): Promise<void>
  /** Creates a user; grants such as `SELECT, SHOW VIEW, TRIGGER, EVENT ON *.*`. */
  createUser(name: string, grants: string): Promise<MariadbCredentials>
  /** Sends a signal and waits until the server has gone; its data stay. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port and data. */
  restart(): Promise<void>
  log(): Promise<string>
  /** Ends the server and removes its data. */
  stop(): Promise<void>
}

// What is committed survives kill -9, not a power cut, as with PostgreSQL
const quick = { 'innodb-flush-log-at-trx-commit': '2', 'innodb-doublewrite': '0' }

/** Starts a MariaDB server of its own on a free port of 127.0.0.1; about two seconds. Throws with the server's log when it does not come up. */
export async function startMariadb(options: MariadbOptions = {}): Promise<MariadbServer> {
  const found = await provision('mariadb')
  if (!found.available) throw new Error(`no MariaDB for this test: ${found.reason}`)
  const { bin, root = '' } = found
  const script = join(servicesFolder, 'mariadb')
  const folder = await temporaryFolder('mariadb')
  const logFile = join(folder.path, 'err.log')
  const credentials = await writeMariadbCredentials(folder.path, 'root', randomBytes(12).toString('hex'))
  const initFile = join(folder.path, 'init.sql')
  // Given at every start, so there is no moment at which root has no password
  const users = ['localhost', '127.0.0.1'].flatMap(host => [
    `CREATE USER IF NOT EXISTS root@'${host}';`,
    `ALTER USER root@'${host}' IDENTIFIED BY '${credentials.password}';`,
    `GRANT ALL ON *.* TO root@'${host}' WITH GRANT OPTION;`,
  ])
  await writeFile(initFile, `${users.join('\n')}\n`, { mode: 0o600 })
  const host = '127.0.0.1'
  const socket = join(folder.path, 's.sock')
  const port = await freePort()
  let server: OwnedProcess | undefined

  const sql = async (statements: string, database?: string) => {
    const args = [
      `--defaults-extra-file=${credentials.optionFile}`,
      `--host=${host}`,
      `--port=${port}`,
      '--protocol=tcp',
      '--skip-column-names',
      '--batch',
      '--default-character-set=utf8mb4',
      ...(database === undefined ? [] : [`--database=${database}`]),
    ]
    return (await run(join(bin, 'mariadb'), args, { input: statements })).stdout.trim()
  }
  const start = async () => {
    const settings = Object.entries({ ...quick, ...options.settings }).map(
      ([key, value]) => `--${key}=${value}`,
    )
    const started = await startProcess(
      script,
      ['run', root, folder.path, String(port), `--init-file=${initFile}`, ...settings],
      { name: 'mariadb', logFile: join(folder.path, 'output.log') },
    )
    server = started
    // a client is not started before there is something to talk to
    const answers = async () => (await greets(port)) && (await sql('SELECT 1')) === '1'
    const up = await waitUntil(async () => !started.running || (await answers()), {
      what: 'MariaDB to accept connections',
      timeout: 30_000,
      interval: 50,
    }).catch(() => false)
    if (!up || !started.running) {
      await started.stop('SIGKILL')
      throw new Error(`MariaDB did not start: ${await readFile(logFile, 'utf8').catch(() => 'no log')}`)
    }
  }
  const stop = async () => {
    await server?.stop('SIGKILL')
    await folder.remove()
  }
  try {
    await run('cp', ['-a', join(await mariadbTemplate(root), 'data'), folder.path])
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...credentials,
    host,
    port,
    socket,
    bin,
    sbin: join(root === '' ? '/' : root, 'usr/sbin'),
    get pid() {
      return server?.pid ?? -1
    },
    sql,
    createDatabase: async name => {
      await sql(`CREATE DATABASE ${quoteMariadbName(name)} CHARACTER SET utf8mb4`)
    },
    createUser: async (name, grants) => {
      const user = await writeMariadbCredentials(folder.path, name, randomBytes(12).toString('hex'))
      const account = `'${name.replaceAll("'", "''")}'@'%'`
      await sql(`CREATE USER ${account} IDENTIFIED BY '${user.password}'; GRANT ${grants} TO ${account};`)
      return user
    },
    kill: async signal => {
      server?.signal(signal)
      await server?.exited
    },
    restart: async () => {
      await server?.stop('SIGTERM', 15_000)
      await start()
    },
    log: () => readFile(logFile, 'utf8'),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Whether a server says who it is, as MariaDB does before anything else. */
async function greets(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 })
  try {
    return await new Promise(resolve => {
      socket.once('data', () => resolve(true))
      for (const end of ['error', 'close', 'timeout']) socket.once(end, () => resolve(false))
    })
  } finally {
    socket.destroy()
  }
}

/** A MariaDB name as SQL text. */
export function quoteMariadbName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

async function writeMariadbCredentials(
  folder: string,
  user: string,
  password: string,
): Promise<MariadbCredentials> {
  const stem = join(folder, randomBytes(6).toString('hex'))
  const passwordFile = `${stem}.password`
  const optionFile = `${stem}.cnf`
  const value = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  await writeFile(passwordFile, password, { mode: 0o600 })
  await writeFile(optionFile, `[client]\nuser=${value(user)}\npassword=${value(password)}\n`, { mode: 0o600 })
  return { user, password, passwordFile, optionFile }
}
