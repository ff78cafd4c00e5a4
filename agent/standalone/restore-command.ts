import { Command, Option } from 'commander'
import { newId, systemClock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { engineKinds } from '../../shared/model/engine.ts'
import { openObjectStore } from '../../shared/object-store/index.ts'
import { formatDuration } from '../../shared/time/index.ts'
import { destinationToWire } from '../../shared/wire/destination.ts'
import type { AttemptRef } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { noEncryption } from '../encryption/index.ts'
import { openSources } from '../jobs/open-sources.ts'
import { fetchManifest, restoreRecipe } from '../jobs/restore.ts'
import type { AttemptResult } from '../jobs/result.ts'
import { failed } from './backup-command.ts'
import { sourcesOf } from './destinations.ts'
import { gathered } from './encoding-options.ts'
import { formatBytes } from './format-bytes.ts'
import { type CommonOptions, targetOf, withCommonOptions } from './options.ts'
import { perform, standaloneLog } from './perform.ts'
import { standaloneStateFolder } from './state-folder.ts'
import { streamCount } from './stream-options.ts'
import type { Terminal } from './terminal.ts'
import { openWorkplace } from './workplace.ts'

interface RestoreOptions extends CommonOptions {
  readonly from: readonly string[]
  readonly into: string
  readonly sha256?: string
  readonly owner: boolean
  readonly identity?: readonly string[]
  readonly streams?: number
}

/** `holdfast-agent restore`: a backup, by the URL of its manifest, into a new database. */
export function restoreCommand(terminal: Terminal): Command {
  const command = new Command('restore')
    .description('restore a backup into a new database, without a coordinator')
    .requiredOption(
      '--from <url>',
      'URL of the manifest: s3://bucket/prefix/v1/manifests/….json or file:///…; repeatable: other copies, used where one fails',
      gathered,
      [],
    )
    .requiredOption('--into <name>', 'database to restore into; it must not exist')
    .addOption(
      new Option('--engine <engine>', 'engine of the server (default: that of the backup)').choices(
        engineKinds,
      ),
    )
    .option('--sha256 <hex>', 'SHA-256 the manifest must have')
    .option(
      '--identity <file>',
      'identity that opens an encrypted backup, readable by its owner only; repeatable',
      gathered,
      [],
    )
    .option('--streams <count>', 'streams and jobs at the same time (default by cores)', streamCount)
    .option('--no-owner', 'give everything to the restoring user, and leave grants out')
  return withCommonOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast-agent restore --from s3://backups/prod/v1/manifests/2026/11/22/att_….json --into orders_copy \\
      --host db1 --user restore --password-file pg.secret
  $ holdfast-agent restore --from file:///mnt/backups/v1/manifests/2026/11/22/att_….json --into shop_copy \\
      --user root --password-file my.secret -o json

Nothing bears the target's name before everything is restored and checked. Exit status: 0 done, else by class
of error: 12 the target exists, 21 database, 22 restore, 30 object store, 31 backup not intact, 130 interrupted.`,
    )
    .action(async (options: RestoreOptions) => {
      await restore(options, terminal)
    })
}

async function restore(options: RestoreOptions, terminal: Terminal): Promise<void> {
  if (options.from.length === 0) throw new AppError('usage.invalid', { message: 'no manifest: give --from' })
  const source = sourcesOf(options.from, options, terminal.environment)
  const log = standaloneLog(options, terminal)
  const engine = options.engine ?? (await engineOf(source, options, log, terminal.stop))
  const target = targetOf(options, engine)
  const attempt: AttemptRef = { jobId: '', attemptId: newId('attempt'), epoch: 0 }
  const workplace = await openWorkplace({
    stateRoot: options.stateDir ?? standaloneStateFolder(),
    attemptId: attempt.attemptId,
    target,
    toolFolders: options.toolFolder ?? [],
    partBudget: options.partBudget,
    encryption: { ...noEncryption, identityFiles: options.identity ?? [] },
    log,
  })
  const warnings: string[] = []
  let result: AttemptResult | undefined
  try {
    const recipe = restoreRecipe(
      {
        instance: {
          instanceId: '',
          engine: target.engine,
          service: '',
          address: target.host,
          port: target.port,
          meta: [],
        },
        source: destinationToWire(source.first),
        manifestKey: source.key,
        manifestSha256: options.sha256 ?? '',
        into: options.into,
        backupId: '',
        fallbacks: source.further.map(destinationToWire),
        streams: options.streams,
      },
      attempt,
      workplace.world,
      { ownership: options.owner ? 'keep' : 'discard', onWarning: warning => warnings.push(warning) },
    )
    const startedAt = systemClock.now().wall
    result = await perform({ recipe, attempt, startedAt, world: workplace.world, terminal })
  } finally {
    await workplace.finish(result !== undefined || (await workplace.world.journal.records()).length === 0)
  }
  if (result === undefined)
    throw new AppError('interrupted', {
      hint: `A half restored database whose name begins with ${options.into}__restoring may be left; drop it.`,
    })
  if (result.outcome !== 'succeeded') throw failed(result)
  const elapsed = result.ended_at - result.started_at
  terminal.out(
    options.output === 'json'
      ? `${JSON.stringify({ ok: true, into: options.into, raw_bytes: result.raw_bytes, seconds: elapsed / 1_000, warnings })}\n`
      : `restored ${formatBytes(result.raw_bytes)} into ${options.into}, ${formatDuration(elapsed)}\n` +
          warnings.map(each => `warning: ${each}\n`).join(''),
  )
}

async function engineOf(
  { first, further, key }: ReturnType<typeof sourcesOf>,
  options: RestoreOptions,
  log: Log,
  signal: AbortSignal,
): Promise<string> {
  await using opened = await openSources([first, ...further], {
    openStore: async (destination, speaks = log) => openObjectStore(destination, { log: speaks }),
    log,
  })
  return (await fetchManifest(opened.source, key, options.sha256 ?? '', signal)).engine.kind
}
