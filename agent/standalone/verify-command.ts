import { join } from 'node:path'
import { Command } from 'commander'
import { newId, systemClock } from '../../shared/clock/index.ts'
import { Answer } from '../../shared/command-line/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Manifest } from '../../shared/model/manifest.ts'
import { openObjectStore } from '../../shared/object-store/index.ts'
import { formatDuration } from '../../shared/time/index.ts'
import { destinationToWire } from '../../shared/wire/destination.ts'
import type { AttemptRef } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { noEncryption } from '../encryption/index.ts'
import { openSources } from '../jobs/open-sources.ts'
import { fetchManifest } from '../jobs/restore.ts'
import type { AttemptResult, VerifyReport } from '../jobs/result.ts'
import { verifyRecipe } from '../jobs/verify.ts'
import { failed } from './backup-command.ts'
import { sourcesOf } from './destinations.ts'
import { gathered } from './encoding-options.ts'
import { formatBytes } from './format-bytes.ts'
import { type CommonOptions, withRunOptions } from './options.ts'
import { perform, standaloneLog } from './perform.ts'
import { standaloneStateFolder } from './state-folder.ts'
import { type StoreOptions, withStoreOptions } from './store-options.ts'
import type { Terminal } from './terminal.ts'
import { openWorkplace } from './workplace.ts'

type RunOptions = Pick<CommonOptions, 'stateDir' | 'toolFolder' | 'partBudget' | 'output' | 'logLevel'>

interface VerifyOptions extends StoreOptions, RunOptions {
  readonly from: readonly string[]
  readonly sha256?: string
  readonly identity?: readonly string[]
  readonly folder?: string
  readonly runAs?: string
}

/** Exit status of a verdict against the backup: not intact. */
const notIntact = 31

/** `holdfast-agent verify`: restores a backup into a server that is thrown away, and says what it is worth. */
export function verifyCommand(terminal: Terminal): Command {
  const command = new Command('verify')
    .description('prove a backup: restore it into a server that is thrown away, and count what is in it')
    .requiredOption(
      '--from <url>',
      'URL of the manifest: s3://bucket/prefix/v1/manifests/….json or file:///…; repeatable: other copies, used where one fails',
      gathered,
      [],
    )
    .option('--sha256 <hex>', 'SHA-256 the manifest must have')
    .option(
      '--identity <file>',
      'identity that opens an encrypted backup, readable by its owner only; repeatable',
      gathered,
      [],
    )
    .option(
      '--folder <folder>',
      'where the server lives: half as much again as the dump, and 1 GiB (default: as root /var/lib/holdfast/verify, else below the state folder)',
    )
    .option('--run-as <user>', 'as root: whom the server runs as; a user that owns nothing else')
  return withRunOptions(withStoreOptions(command))
    .addHelpText(
      'after',
      `
Example:
  $ holdfast-agent verify --run-as holdfast-verify \\
      --from s3://backups/prod/v1/manifests/2026/11/22/att_….json --identity backup.identity

Nothing but the folder is written to, and it is empty again afterwards. Exit status: 0 it could be restored, and is
what its census says (if it has one); 31 it could not, or is not; else it could not be tried, by class of error.`,
    )
    .action(async (options: VerifyOptions) => {
      await verify(options, terminal)
    })
}

async function verify(options: VerifyOptions, terminal: Terminal): Promise<void> {
  if (options.from.length === 0) throw new AppError('usage.invalid', { message: 'no manifest: give --from' })
  const source = sourcesOf(options.from, options, terminal.environment)
  const log = standaloneLog(options, terminal)
  const manifest = await manifestOf(source, options.sha256 ?? '', log, terminal.stop)
  const attempt: AttemptRef = { jobId: '', attemptId: newId('attempt'), epoch: 0 }
  const stateRoot = options.stateDir ?? standaloneStateFolder()
  const workplace = await openWorkplace({
    stateRoot,
    attemptId: attempt.attemptId,
    target: undefined,
    toolFolders: options.toolFolder ?? [],
    partBudget: options.partBudget,
    encryption: { ...noEncryption, identityFiles: options.identity ?? [] },
    verify: {
      folder:
        options.folder ?? (process.getuid?.() === 0 ? '/var/lib/holdfast/verify' : join(stateRoot, 'verify')),
      user: options.runAs,
    },
    log,
  })
  let result: AttemptResult | undefined
  try {
    const recipe = verifyRecipe(
      {
        sources: [source.first, ...source.further].map(destinationToWire),
        manifestKey: source.key,
        manifestSha256: options.sha256 ?? '',
        backupId: manifest.backup_id,
        engine: manifest.engine.kind,
        serverVersion: manifest.engine.server_version,
        rawBytes: Number(manifest.raw_bytes),
      },
      attempt,
      workplace.world,
    )
    const startedAt = systemClock.now().wall
    result = await perform({ recipe, attempt, startedAt, world: workplace.world, terminal })
  } finally {
    await workplace.finish(result !== undefined || (await workplace.world.journal.records()).length === 0)
  }
  if (result === undefined) throw new AppError('interrupted')
  const { verify: report, warnings = [] } = result
  if (report === undefined) throw failed(result)
  terminal.out(
    options.output === 'json'
      ? `${JSON.stringify({ ok: result.outcome === 'succeeded', backup_id: manifest.backup_id, ...report, warnings })}\n`
      : text(manifest, report, warnings),
  )
  if (result.outcome !== 'succeeded') throw new Answer(notIntact)
}

const meanings: Readonly<Record<VerifyReport['verdict'], string>> = {
  verified: 'restored, and what it holds is what its census says',
  restored: 'restored; it has no census to be compared with',
  differs: 'restored, but what it holds is not what its census says',
  unrestorable: 'cannot be restored',
}

function text(manifest: Manifest, report: VerifyReport, warnings: readonly string[]): string {
  const lines = [
    `${manifest.databases[0]?.name ?? manifest.backup_id}: ${report.verdict}: ${meanings[report.verdict]}`,
  ]
  if (report.failure !== undefined) lines.push(`why: ${report.failure.message} (${report.failure.code})`)
  else
    lines.push(
      `${report.tables} tables, ${report.rows} rows, ${formatBytes(report.raw_bytes)} restored in ` +
        `${formatDuration(report.restore_ms)} into ${manifest.engine.kind} ${report.server_version}`,
    )
  lines.push(...report.differences.map(each => `differs: ${each}`))
  const more = report.difference_count - report.differences.length
  if (more > 0) lines.push(`and ${more} more`)
  lines.push(...warnings.map(each => `warning: ${each}`))
  return `${lines.join('\n')}\n`
}

async function manifestOf(
  { first, further, key }: ReturnType<typeof sourcesOf>,
  sha256: string,
  log: Log,
  signal: AbortSignal,
): Promise<Manifest> {
  await using opened = await openSources([first, ...further], {
    openStore: async (destination, speaks = log) => openObjectStore(destination, { log: speaks }),
    log,
  })
  return await fetchManifest(opened.source, key, sha256, signal)
}
