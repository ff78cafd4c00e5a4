import { randomBytes } from 'node:crypto'
import { chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../../shared/errors/index.ts'
import { runCommand, startServer } from '../../process/index.ts'
import type {
  EngineContext,
  InstanceTarget,
  ThrowawayOptions,
  ThrowawayServer,
  ThrowawayServers,
} from '../port.ts'
import { writePrivate } from '../secret-file.ts'
import {
  answering,
  mayRunServers,
  serverFailed,
  type ThrowawayPlace,
  takePlace,
  throwawayStartMs,
} from '../throwaway.ts'
import type { Dialect } from './dialect.ts'
import { quoteLiteral } from './name.ts'
import { chooseServer, findServers, type ServerProgram } from './server-program.ts'
import { openSession } from './session.ts'
import { olderSeries, versionOf } from './tools.ts'

const socketName = 's'
const stopMs = 10_000

/** Nothing it writes is worth waiting for the disk, the making of its system tables included. */
const careless = [
  ...['--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=0'],
  ...['--innodb-flush-method=nosync', '--loose-sync-frm=0'],
] as const

/**
 * Settings of a server that is worth nothing tomorrow: no durability, no network, nothing that runs by itself. What is
 * restored is SQL out of a bucket: it reads and writes no file of the host.
 */
function settingsIn(folder: string): readonly string[] {
  return [
    ...[`--socket=${join(folder, socketName)}`, `--pid-file=${join(folder, 'pid')}`],
    ...[`--tmpdir=${join(folder, 'tmp')}`, `--secure-file-priv=${join(folder, 'none')}`],
    ...['--skip-networking', '--loose-mysqlx=0', '--skip-name-resolve', '--local-infile=0'],
    ...['--skip-log-bin', '--performance-schema=0', '--innodb-buffer-pool-size=128M'],
    // events fire in whatever they are restored into
    '--event-scheduler=OFF',
    // what the original took, though it would not today: long rows, large packets
    ...['--innodb-strict-mode=0', '--max-allowed-packet=1G'],
  ]
}

/** See the port. */
export function throwawayOf(dialect: Dialect): ThrowawayServers {
  return {
    versions: async (tools, user) =>
      (await mayRunServers(tools, user))
        ? (await findServers(tools, dialect)).map(({ version }) => version)
        : [],
    choose: chooseServer,
    start: (options, context) => start(dialect, options, context),
  }
}

async function start(
  dialect: Dialect,
  options: ThrowawayOptions,
  context: EngineContext,
): Promise<ThrowawayServer> {
  const { folder, requirements, serverVersion } = options
  const { tools } = context
  const place = await takePlace(options, socketName, tools)
  const servers = await findServers(tools, dialect)
  const versions = servers.map(({ version }) => version)
  const chosen = chooseServer(versions, serverVersion)
  const program = servers.find(({ version }) => version === chosen)
  if (program === undefined)
    throw new AppError('verify.no-server', {
      context: {
        engine: dialect.kind,
        server_version: serverVersion,
        found: versions.length === 0 ? 'none' : versions,
      },
    })
  const letterCase = requirements.server_settings?.['lower_case_table_names']
  const common = [
    // no option file of the host is read
    ...['--no-defaults', `--basedir=${program.base}`],
    ...(letterCase === undefined ? [] : [`--lower-case-table-names=${letterCase}`]),
    ...careless,
  ]
  await initialize(program, common, place, context)
  const password = randomBytes(24).toString('hex')
  const initFile = await ownFile(
    place,
    'init.sql',
    `ALTER USER root@localhost IDENTIFIED BY '${password}';\n`,
  )
  const server = await startServer(
    {
      name: program.name,
      program: program.path,
      args: [
        ...common,
        `--datadir=${join(folder, 'data')}`,
        `--init-file=${initFile}`,
        ...settingsIn(folder),
      ],
      through: place.through,
    },
    folder,
    tools,
  )
  try {
    const target: InstanceTarget = {
      engine: dialect.kind,
      host: join(folder, socketName),
      port: 3306,
      user: 'root',
      passwordFile: await writePrivate(context, 'throwaway', password),
      tls: 'disable',
    }
    const session = await answering(
      () => openSession(target, dialect, context, { fallback: 'verify.server-failed' }),
      server,
      context.signal,
    )
    try {
      for (const role of requirements.roles) for (const sql of accountOf(role)) await session.run(sql)
      for (const [index, zone] of (requirements.time_zones ?? []).entries())
        for (const sql of zoneOf(zone, index + 1)) await session.run(sql)
    } finally {
      await session.close()
    }
    await rm(initFile)
    const [own, original] = [versionOf(program.version), versionOf(serverVersion)]
    return {
      target,
      version: program.version,
      sameLine:
        own !== undefined &&
        original !== undefined &&
        !olderSeries(own, original) &&
        !olderSeries(original, own),
      get running() {
        return server.running
      },
      // nothing of it is of any use, and nothing is outside of its folder
      [Symbol.asyncDispose]: () => server.stop('SIGKILL', stopMs),
    }
  } catch (thrown) {
    await server.stop('SIGKILL', stopMs)
    throw thrown
  }
}

async function initialize(
  program: ServerProgram,
  common: readonly string[],
  place: ThrowawayPlace,
  { tools, signal }: EngineContext,
): Promise<void> {
  const { folder, as, through } = place
  for (const name of ['data', 'tmp', 'none']) {
    await mkdir(join(folder, name), { mode: 0o700 })
    if (as !== undefined) await chown(join(folder, name), as.uid, as.gid)
  }
  try {
    await runCommand(
      {
        name: program.installer.name,
        program: program.installer.path,
        args: [...common, `--datadir=${join(folder, 'data')}`, ...program.installer.args],
        through,
      },
      { tools, signal, timeoutMs: throwawayStartMs },
    )
  } catch (thrown) {
    throw serverFailed(AppError.from(thrown))
  }
}

/** A private file of whom the server runs as. */
async function ownFile({ folder, as }: ThrowawayPlace, name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text, { mode: 0o600, flag: 'wx' })
  if (as !== undefined) await chown(path, as.uid, as.gid)
  return path
}

/**
 * What makes the account, or MariaDB role, that views, routines, triggers and events of a backup run as. They may all,
 * since what a definer was granted is not in the backup of a database. Nobody knows their password.
 */
function accountOf(role: string): readonly string[] {
  const at = role.lastIndexOf('@')
  const [user, host] = at < 0 ? [role, ''] : [role.slice(0, at), role.slice(at + 1)]
  const text = (word: string) => `'${word.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
  if (host === '') return [`CREATE ROLE IF NOT EXISTS ${text(user)}`, `GRANT ALL ON *.* TO ${text(user)}`]
  const account = `${text(user)}@${text(host)}`
  const password = randomBytes(24).toString('hex')
  return [
    `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY '${password}'`,
    `GRANT ALL ON *.* TO ${account}`,
  ]
}

/**
 * What makes a time zone known by its name, and no more: events are made in it, and never fire here.
 *
 * @param id of its own, from 1
 */
function zoneOf(name: string, id: number): readonly string[] {
  return [
    `INSERT INTO mysql.time_zone (Time_zone_id, Use_leap_seconds) VALUES (${id}, 'N')`,
    `INSERT INTO mysql.time_zone_name (Name, Time_zone_id) VALUES (${quoteLiteral(name)}, ${id})`,
    `INSERT INTO mysql.time_zone_transition_type (Time_zone_id, Transition_type_id, \`Offset\`, Is_DST, Abbreviation)
       VALUES (${id}, 0, 0, 0, 'UTC')`,
  ]
}
