import type { Cost, Script } from './measured.ts'
import { bucket, type DatabaseName, type StoreName } from './names.ts'
import { agentProgram } from './tools.ts'
import type { World } from './world.ts'

/** A backup of ours, as a user would run it. */
export interface OurBackup {
  readonly store: StoreName
  readonly database: DatabaseName
  readonly codec?: 'none'
  readonly level?: number
  readonly streams?: number | undefined
  /** An age recipient: encrypts to it. */
  readonly recipient?: string | undefined
  /** From which size of the database on it goes by streams, `1MiB`. */
  readonly streamsFrom?: string
}

/** What a backup says of itself. */
export interface Backed {
  readonly cost: Cost
  readonly manifestUrl: string
  readonly rawBytes: number
  readonly storedBytes: number
}

/** Runs `holdfast-agent backup`. */
export async function ourBackup(world: World, backup: OurBackup): Promise<Backed> {
  const words = [
    'backup',
    ...serverWords(world),
    '--database',
    backup.database,
    '--to',
    `s3://${bucket}/${world.fresh('ours')}`,
    ...storeWords(world, backup.store),
    ...(backup.codec === undefined ? [] : ['--codec', backup.codec]),
    ...(backup.level === undefined ? [] : ['--codec-level', String(backup.level)]),
    ...(backup.streams === undefined ? [] : ['--streams', String(backup.streams)]),
    ...(backup.recipient === undefined ? [] : ['--recipient', backup.recipient]),
    ...(backup.streamsFrom === undefined ? [] : ['--streams-from', backup.streamsFrom]),
  ]
  const cost = await world.measure(agentScript(words, world.environment(backup.store, backup.database)))
  const told = JSON.parse(cost.stdout.trim().split('\n').at(-1) ?? '') as {
    readonly backups: readonly {
      readonly manifest: string
      readonly raw_bytes: number
      readonly stored_bytes: number
    }[]
  }
  const [made] = told.backups
  if (made === undefined) throw new Error('the agent told of no backup')
  return { cost, manifestUrl: made.manifest, rawBytes: made.raw_bytes, storedBytes: made.stored_bytes }
}

/** Runs `holdfast-agent restore` into a new database. */
export async function ourRestore(
  world: World,
  restore: { readonly store: StoreName; readonly manifestUrl: string; readonly into: string },
): Promise<Cost> {
  const words = ['restore', ...serverWords(world), '--from', restore.manifestUrl, '--into', restore.into]
  return await world.measure(
    agentScript([...words, ...storeWords(world, restore.store)], world.environment(restore.store)),
  )
}

function agentScript(words: readonly string[], environment: NodeJS.ProcessEnv): Script {
  return {
    text: '"$@"',
    words: [agentProgram, ...words, '-o', 'json', '--log-level', 'warn'],
    env: environment,
    witness: true,
  }
}

function serverWords(world: World): readonly string[] {
  const { host, port, user, passwordFile, bin } = world.postgres
  return [
    '--engine',
    'postgres',
    '--host',
    host,
    '--port',
    String(port),
    '--user',
    user,
    '--password-file',
    passwordFile,
    '--tool-folder',
    bin,
  ]
}

function storeWords(world: World, store: StoreName): readonly string[] {
  return [
    '--endpoint',
    world.endpoint(store),
    '--store-profile',
    'ceph',
    '--state-dir',
    `${world.folder}/state`,
  ]
}
