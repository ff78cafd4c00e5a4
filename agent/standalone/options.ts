import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseByteSize } from '../../shared/config/fields.ts'
import { AppError } from '../../shared/errors/index.ts'
import { logLevels } from '../../shared/log/index.ts'
import { type EngineKind, engineKinds, isEngineKind } from '../../shared/model/engine.ts'
import type { InstanceTarget } from '../engines/port.ts'
import { type StoreOptions, withStoreOptions } from './store-options.ts'

/** Options both standalone commands have. */
export interface CommonOptions extends StoreOptions {
  readonly engine?: string
  readonly host: string
  readonly port?: number
  readonly user?: string
  readonly passwordFile?: string
  readonly maintenanceDatabase?: string
  readonly tls?: NonNullable<InstanceTarget['tls']>
  readonly tlsCaFile?: string
  readonly stateDir?: string
  readonly toolFolder?: readonly string[]
  readonly partBudget: number
  readonly output: 'text' | 'json'
  readonly logLevel?: (typeof logLevels)[number]
}

/** Adds them to a command. */
export function withCommonOptions(command: Command): Command {
  return withRunOptions(withServerOptions(withStoreOptions(command)))
}

function withServerOptions(command: Command): Command {
  return command
    .option('--host <host>', 'host or socket folder of the server', '127.0.0.1')
    .option('--port <port>', 'port of the server (default by engine)', portNumber)
    .option('--user <name>', 'user to log in as')
    .option('--password-file <file>', 'file with the password, readable by its owner only')
    .option('--maintenance-database <name>', 'database for questions about the whole server')
    .addOption(
      new Option('--tls <mode>', 'TLS to the server').choices([
        'disable',
        'prefer',
        'require',
        'verify-full',
      ]),
    )
    .option('--tls-ca-file <file>', 'CA for verify-full')
}

/** Adds those of every command that runs a job by itself. */
export function withRunOptions(command: Command): Command {
  return command
    .option('--tool-folder <folder...>', 'folders searched for database tools before PATH')
    .option('--part-budget <size>', 'memory for part buffers', byteCount, 256 << 20)
    .option('--state-dir <folder>', 'where the commit journal lies (default: ~/.local/state/holdfast)')
    .addOption(
      new Option('-o, --output <format>', 'form of the result').choices(['text', 'json']).default('text'),
    )
    .addOption(new Option('--log-level <level>', 'what is logged on stderr').choices([...logLevels]))
}

const defaultPorts: Readonly<Record<EngineKind, number>> = { postgres: 5432, mysql: 3306, mariadb: 3306 }
const defaultUsers: Readonly<Record<EngineKind, string>> = {
  postgres: 'postgres',
  mysql: 'root',
  mariadb: 'root',
}

/** The server the options name. @throws AppError `engine.unknown` */
export function targetOf(options: CommonOptions, engine: string): InstanceTarget {
  if (!isEngineKind(engine))
    throw new AppError('engine.unknown', { context: { engine, known: [...engineKinds] } })
  return {
    engine,
    host: options.host,
    port: options.port ?? defaultPorts[engine],
    user: options.user ?? defaultUsers[engine],
    ...(options.passwordFile === undefined ? {} : { passwordFile: options.passwordFile }),
    ...(options.maintenanceDatabase === undefined
      ? {}
      : { maintenanceDatabase: options.maintenanceDatabase }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.tlsCaFile === undefined ? {} : { tlsCaFile: options.tlsCaFile }),
  }
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('a port is a number from 1 to 65535')
  return port
}

function byteCount(text: string): number {
  const bytes = parseByteSize(text)
  if (bytes === undefined || bytes < 16 << 20)
    throw new InvalidArgumentError('a size of at least 16MiB, such as 256MiB')
  return bytes
}
