import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { SecretSource } from '../../../shared/secrets/index.ts'
import type { S3Server } from '../s3.ts'

/** A database server an agent may log in to. */
export interface StackLogin {
  readonly engine: 'postgres' | 'mysql' | 'mariadb'
  readonly port: number
  readonly user: string
  /** A path, or another provider. */
  readonly passwordFile: SecretSource
  /** Its name in the static file; default made of agent, engine and port. */
  readonly service?: string
}

/** What a test says of an agent. */
export interface AgentOptions {
  readonly name: string
  /** The Consul node (or static `host`) it serves; default its name. */
  readonly node?: string
  readonly keeper?: boolean
  /** Serves instances on whose host no agent can run. */
  readonly pool?: boolean
  /** Whether it tells of servers that discovery does not show; by default it does not. */
  readonly unregistered?: { readonly report: boolean; readonly exclude_ports?: readonly number[] }
  readonly logins?: readonly StackLogin[]
  readonly slots?: number
  /** Folders searched for tools before PATH: fakes that fail on purpose. */
  readonly toolFolders?: readonly string[]
  readonly toolPaths?: Readonly<Record<string, string>>
  /** Section `encryption` of its configuration. */
  readonly encryption?: Readonly<Record<string, unknown>>
  /** Section `hooks` of its configuration. */
  readonly hooks?: Readonly<Record<string, unknown>>
  /** Section `verify` of its configuration. */
  readonly verify?: Readonly<Record<string, unknown>>
  /** Variables of its process. */
  readonly env?: Readonly<Record<string, string>>
  /** Where it dials, when not the coordinator itself (a fault proxy). */
  readonly coordinator?: string
}

/** Writes an agent's configuration and secrets into its folder; returns the file's path. */
export async function writeAgentConfig(
  folder: string,
  options: AgentOptions,
  around: { readonly coordinator: string; readonly statusPort: number; readonly s3?: S3Server },
): Promise<string> {
  await mkdir(folder, { recursive: true })
  const config = {
    coordinator: { address: options.coordinator ?? around.coordinator, insecure_loopback: true },
    state_dir: join(folder, 'state'),
    node_name: options.node ?? options.name,
    keeper: options.keeper ?? false,
    pool: options.pool ?? false,
    // a machine of tests has servers that are none of this fleet's
    unregistered: options.unregistered ?? { report: false },
    slots: options.slots ?? 2,
    part_budget: '128MiB',
    tools: { folders: options.toolFolders ?? [], paths: options.toolPaths ?? {} },
    instances: (options.logins ?? []).map(login => ({
      match: { engine: login.engine, port: login.port },
      user: login.user,
      password_file: login.passwordFile,
    })),
    ...(options.encryption === undefined ? {} : { encryption: options.encryption }),
    ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
    ...(options.verify === undefined ? {} : { verify: options.verify }),
    ...(around.s3 === undefined
      ? {}
      : { destinations: { main: { credentials: await writeKeys(folder, around.s3) } } }),
    status: { port: around.statusPort },
    log: { level: 'debug', format: 'json' },
    stop_grace: '5s',
  }
  const file = join(folder, 'agent.yaml')
  await writeFile(file, stringify(config))
  return file
}

async function writeKeys(folder: string, s3: S3Server): Promise<Record<string, string>> {
  const keys = { access_key_id_file: s3.accessKeyId, secret_access_key_file: s3.secretAccessKey }
  const files = await Promise.all(
    Object.entries(keys).map(async ([name, secret]) => {
      const path = join(folder, name)
      await writeFile(path, `${secret}\n`)
      await chmod(path, 0o600)
      return [name, path] as const
    }),
  )
  return Object.fromEntries(files)
}
