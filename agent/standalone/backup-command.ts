import { Command, Option } from 'commander'
import { newId, systemClock } from '../../shared/clock/index.ts'
import { AppError, type Failure } from '../../shared/errors/index.ts'
import { engineKinds } from '../../shared/model/engine.ts'
import type { ManifestObserved } from '../../shared/model/manifest.ts'
import { formatDuration } from '../../shared/time/index.ts'
import { destinationToWire } from '../../shared/wire/destination.ts'
import type { AttemptRef } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { backupRecipe } from '../jobs/backup.ts'
import type { AttemptResult } from '../jobs/result.ts'
import { copiesShown, copyCount, destinationsOf } from './destinations.ts'
import { type EncodingOptions, encodingOf, gathered, withEncodingOptions } from './encoding-options.ts'
import { formatBytes } from './format-bytes.ts'
import { type CommonOptions, targetOf, withCommonOptions } from './options.ts'
import { perform, standaloneLog } from './perform.ts'
import { standaloneStateFolder } from './state-folder.ts'
import { dumpingOf, type StreamOptions, withStreamOptions } from './stream-options.ts'
import type { Terminal } from './terminal.ts'
import { type WayOptions, wayOf, withWayOptions } from './way-options.ts'
import { openWorkplace } from './workplace.ts'

interface BackupOptions extends CommonOptions, EncodingOptions, StreamOptions, WayOptions {
  readonly engine: string
  readonly database?: string
  readonly globals?: boolean
  readonly to: readonly string[]
  readonly minCopies?: number
  readonly globalsPasswords?: boolean
  readonly clusterName?: string
}

/** `holdfast-agent backup`: one database, or the globals of a server, without a coordinator. */
export function backupCommand(terminal: Terminal): Command {
  const command = new Command('backup')
    .description('back up a database, or the globals of a server, without a coordinator')
    .addOption(
      new Option('--engine <engine>', 'engine of the server').choices(engineKinds).makeOptionMandatory(),
    )
    .option('--database <name>', 'database to back up')
    .option('--globals', 'back up roles and tablespaces (with --database: as well)')
    .requiredOption(
      '--to <url>',
      'destination: s3://bucket/prefix or file:///path; repeatable: the same backup to each at once',
      gathered,
      [],
    )
    .option('--min-copies <count>', 'copies that must be committed for success (default: 1)', copyCount)
    .option('--globals-passwords', 'with --globals: their password verifiers too; only encrypted')
    .option(
      '--cluster-name <name>',
      'name of the cluster in keys and manifest (default: engine, host and port)',
    )
  return withCommonOptions(withWayOptions(withStreamOptions(withEncodingOptions(command))))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast-agent backup --engine postgres --host db1 --user backup --password-file pg.secret \\
      --database orders --to s3://backups/prod
  $ holdfast-agent backup --engine postgres --user backup --database orders --to s3://backups/prod \\
      --codec-level 6 --recipient age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg
  $ holdfast-agent backup --engine postgres --user backup --database orders \\
      --to s3://backups-eu/prod --to s3://backups-us/prod --min-copies 2
  $ holdfast-agent backup --engine mariadb --user backup --password-file my.secret \\
      --database shop --to file:///mnt/backups -o json

Exit status: 0 done, else by class of error: 10 configuration, 20 tools, 21 database, 22 dump, 30 object
store, 70 defect, 130 interrupted (uploads aborted).`,
    )
    .action(async (options: BackupOptions) => {
      await backup(options, terminal)
    })
}

async function backup(options: BackupOptions, terminal: Terminal): Promise<void> {
  if (options.database === undefined && options.globals !== true)
    throw new AppError('usage.invalid', { message: 'nothing to back up: give --database, --globals or both' })
  const encoding = encodingOf(options)
  const target = targetOf(options, options.engine)
  if (options.to.length === 0) throw new AppError('usage.invalid', { message: 'no destination: give --to' })
  const destinations = destinationsOf(options.to, options, terminal.environment)
  const log = standaloneLog(options, terminal)
  const subjects = [
    ...(options.globals === true ? [{ scope: 'cluster', databaseName: '' }] : []),
    ...(options.database === undefined ? [] : [{ scope: 'database', databaseName: options.database }]),
  ]
  const results: AttemptResult[] = []
  for (const subject of subjects) {
    const attempt: AttemptRef = { jobId: '', attemptId: newId('attempt'), epoch: 0 }
    const workplace = await openWorkplace({
      stateRoot: options.stateDir ?? standaloneStateFolder(),
      attemptId: attempt.attemptId,
      target,
      toolFolders: options.toolFolder ?? [],
      partBudget: options.partBudget,
      staging: { folder: options.stagingFolder, reserveBytes: options.stagingReserve },
      childPriority: {
        ...(options.nice === undefined ? {} : { nice: options.nice }),
        ...(options.ioniceClass === undefined ? {} : { ioniceClass: options.ioniceClass }),
      },
      log,
    })
    let result: AttemptResult | undefined
    try {
      const startedAt = systemClock.now().wall
      const recipe = backupRecipe(
        {
          instance: {
            instanceId: '',
            engine: target.engine,
            service: '',
            address: target.host,
            port: target.port,
            meta: [],
          },
          clusterId: '',
          clusterName: options.clusterName ?? `${target.engine}-${target.host}-${target.port}`,
          ...subject,
          databaseId: '',
          destination: destinationToWire(destinations.first),
          ...encoding,
          ...dumpingOf(options),
          globalsPasswords: options.globalsPasswords === true && subject.scope === 'cluster',
          policyName: '',
          policyVersion: '',
          backupClass: 'manual',
          backupId: '',
          predictedRawBytes: 0,
          destinations: destinations.further.map(destinationToWire),
          minCopies: options.minCopies ?? 0,
          copyPatienceMs: 0,
          ...wayOf(options),
        },
        attempt,
        startedAt,
        workplace.world,
      )
      result = await perform({ recipe, attempt, startedAt, world: workplace.world, terminal })
    } finally {
      // a pre-flight that failed has left nothing; an attempt without a result has
      await workplace.finish(result !== undefined || (await workplace.world.journal.records()).length === 0)
    }
    if (result === undefined)
      throw new AppError('interrupted', { hint: 'The next run settles what was left.' })
    if (result.outcome !== 'succeeded') throw failed(result)
    results.push(result)
    if (options.output === 'text') terminal.out(text(result, options))
  }
  if (options.output === 'json')
    terminal.out(`${JSON.stringify({ ok: true, backups: results.map(each => shown(each, options)) })}\n`)
}

/** The error of an attempt that ended badly; what it left in the bucket is told. */
export function failed(result: AttemptResult): AppError {
  const failure: Failure = result.failure ?? new AppError('internal').toFailure()
  return AppError.fromFailure(
    result.debris.length === 0
      ? failure
      : { ...failure, context: { ...failure.context, left_in_bucket: result.debris } },
  )
}

function shown(result: AttemptResult, options: BackupOptions): Record<string, unknown> {
  const copies = copiesShown(result, options.to)
  const manifest = JSON.parse(Buffer.from(result.manifest ?? '', 'base64').toString('utf8'))
  return {
    backup_id: manifest.backup_id,
    scope: manifest.scope,
    databases: manifest.databases.map((each: { readonly name: string }) => each.name),
    manifest: copies.find(each => each.state === 'present')?.manifest ?? '',
    copies,
    data_as_of: manifest.data_as_of,
    raw_bytes: result.raw_bytes,
    stored_bytes: result.stored_bytes,
    seconds: (result.ended_at - result.started_at) / 1_000,
    observed: manifest.observed ?? {},
    warnings: [
      ...(manifest.warnings ?? []),
      ...(result.warnings ?? []),
      ...copies.flatMap(each =>
        each.state === 'present' ? [] : [`no copy in ${each.destination}: ${each.problem ?? each.state}`],
      ),
    ],
  }
}

function text(result: AttemptResult, options: BackupOptions): string {
  const told = shown(result, options)
  const [database = 'globals'] = told['databases'] as readonly string[]
  const warnings = (told['warnings'] as readonly string[]).map(each => `warning: ${each}\n`).join('')
  return (
    `backed up ${database}: ${formatBytes(result.raw_bytes)} read, ${formatBytes(result.stored_bytes)} stored, ` +
    `${formatDuration(result.ended_at - result.started_at)}\n${tookOf(told['observed'] as Partial<ManifestObserved>, result)}${warnings}${copiesShown(
      result,
      options.to,
    )
      .flatMap(({ manifest }) => (manifest === undefined ? [] : [`manifest: ${manifest}\n`]))
      .join('')}`
  )
}

/** Ratio, throughput and what it took, one line; empty when nothing was observed. */
function tookOf(observed: Partial<ManifestObserved>, result: AttemptResult): string {
  const { duration_ms: ms = 0, retries = 0, peak_rss_bytes: memory, strategy = 'streaming' } = observed
  if (memory === undefined || ms === 0 || result.stored_bytes === 0) return ''
  return (
    `${strategy}, ratio ${(result.raw_bytes / result.stored_bytes).toFixed(1)}, ${formatBytes((result.raw_bytes * 1_000) / ms)}/s, ` +
    `${retries} retries, peak memory ${formatBytes(Number(memory.agent))} + ${formatBytes(Number(memory.children))} of children\n`
  )
}
