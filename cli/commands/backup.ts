import type { Command } from 'commander'
import { Backup, type BackupVerification, type Copy } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged, selected, selectorOf } from '../list.ts'
import { mutating, mutationOf } from '../mutation.ts'
import { card } from '../print/table.ts'
import { ago, bytes, instant, shortDuration } from '../print/units.ts'
import { inTime, stretchOf } from '../time-options.ts'
import { waitExits, waitFor, waitOption } from '../wait.ts'
import { goesFields, holdText, keepingCommands } from './backup-keeping.ts'
import { backupTable, copiesOf } from './backup-table.ts'
import { observedIn, stageTable, streamsOf } from './manifest-view.ts'
import { observedFields } from './observed.ts'

/** What backups may be sorted by beside time, the most first. */
const sorts = ['size', 'duration']

/** `holdfast backup list|get|start|copy|verify|hold|release|delete`. */
export function backupCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'list backups, newest first',
      examples: [
        'holdfast backup list',
        'holdfast backup list --database orders --since 30d --sort oldest',
        "holdfast backup list --selector 'engine=mariadb,database=shop*' --sort size",
      ],
    },
    command =>
      inTime(selected(paged(command)), sorts)
        .option('--database <database>', 'database id, name, or service/name; tells what keeps each')
        .option('--state <state>', 'expired (waits to go), deleting, deleted'),
    async (session, _args, options) => {
      const filter = {
        database: options.database as string | undefined,
        state: options.state as string | undefined,
        ...selectorOf(options),
        ...stretchOf(options, terminal.now(), sorts),
      }
      await list(session, options, filter, request => session.coordinator.ask('listBackups', request), {
        rowsOf: answer => answer.backups,
        key: 'backups',
        like: Backup.fromPartial({}),
        none: 'no backup',
        table: rows => backupTable(rows, terminal),
      })
    },
  )
  const get = leaf(
    terminal,
    {
      name: 'get',
      summary: 'show one backup and where it lies',
      examples: [
        'holdfast backup get bak_01890a5d-…',
        'holdfast backup get bak_01890a5d-… -o json | jq .manifest',
      ],
    },
    command => command.argument('<backup>', 'backup id'),
    async ({ coordinator, print }, [backupId = '']) => {
      const answer = await coordinator.ask('getBackup', { backupId })
      print(answer, () => (answer.backup ? backupCard(answer.backup, answer.manifest, terminal) : ''))
    },
  )
  const start = leaf(
    terminal,
    {
      name: 'start',
      summary: 'back up a database now',
      examples: [
        'holdfast backup start orders --wait',
        'holdfast backup start orders --priority high --reason "before the migration"',
      ],
      exits: waitExits,
    },
    command =>
      waitOption(
        mutating(
          command
            .argument('<database>', 'database id, name, or service/name')
            .option('--priority <priority>', 'low, normal, high (before all but restores)'),
        ),
      ),
    async (session, [database = ''], options) => {
      const answer = await session.coordinator.ask('startBackup', {
        database,
        ...(typeof options.priority === 'string' ? { priority: options.priority } : {}),
        ...mutationOf(options),
      })
      await waitFor(
        session,
        answer.job,
        options,
        answer.existing ? 'an open job for it was there already' : 'queued',
      )
    },
  )
  const copy = leaf(
    terminal,
    {
      name: 'copy',
      summary: 'copy a backup into a destination that lacks it, or make its copy there whole again',
      examples: ['holdfast backup copy bak_01890a5d-… --to far --reason "second region" --wait'],
      exits: waitExits,
    },
    command =>
      waitOption(
        mutating(
          command
            .argument('<backup>', 'backup id')
            .requiredOption('--to <destination>', 'name of the destination that is to get it'),
        ),
      ),
    async (session, [backupId = ''], options) => {
      const answer = await session.coordinator.ask('copyBackup', {
        backupId,
        destination: String(options.to),
        ...mutationOf(options),
      })
      await waitFor(
        session,
        answer.job,
        options,
        answer.existing ? 'an open job for it was there already' : 'queued',
      )
    },
  )
  const verify = leaf(
    terminal,
    {
      name: 'verify',
      summary: 'prove a backup now: restore it into a throw-away server and compare it with its census',
      examples: ['holdfast backup verify bak_01890a5d-… --reason "before the audit" --wait'],
      exits: waitExits,
    },
    command => waitOption(mutating(command.argument('<backup>', 'backup id'))),
    async (session, [backupId = ''], options) => {
      const answer = await session.coordinator.ask('verifyBackup', { backupId, ...mutationOf(options) })
      await waitFor(
        session,
        answer.job,
        options,
        answer.existing ? 'an open job for it was there already' : 'queued',
      )
    },
  )
  return noun('backup', 'committed backups', [
    listing,
    get,
    start,
    copy,
    verify,
    ...keepingCommands(terminal),
  ])
}

function backupCard(backup: Backup, manifest: Uint8Array, terminal: Terminal): string {
  const now = terminal.now()
  const streams = streamsOf(manifest)
  const fields = card(
    [
      ['backup', backup.backupId],
      ['of', `${backup.subjectName} (${backup.scope})`],
      ['engine', `${backup.engine} ${backup.serverVersion}`],
      ['data as of', `${instant(backup.dataAsOf)} (${ago(backup.dataAsOf, now)})`],
      ['committed', instant(backup.committedAt)],
      ['took', shortDuration(backup.committedAt - backup.startedAt)],
      ['raw', bytes(backup.rawBytes)],
      ['stored', bytes(backup.storedBytes)],
      ...observedFields(observedIn(manifest), backup),
      ['class', backup.backupClass],
      ['surplus', backup.surplus ? 'yes: made by an attempt that was no longer current' : ''],
      ['job', backup.jobId],
      ['attempt', backup.attemptId],
      ['verified', verifiedText(backup.verification, now)],
      ['held', holdText(backup)],
      ['kept by', backup.keptBy.join(', ')],
      ['goes', goesFields(backup, now)],
      ['copies', copiesOf(backup)],
      ...backup.copies.map(copy => ['copy', copyText(copy, now)] as const),
      ['manifest sha256', backup.manifestSha256],
    ],
    terminal.width,
  )
  return streams.length === 0 ? fields : `${fields}\n\n${stageTable(streams, terminal.width)}`
}

/** What its last verification showed. */
function verifiedText(verification: BackupVerification | undefined, now: number): string {
  if (verification === undefined) return 'never'
  const { at, verdict, restoreMs, detail } = verification
  const when = `${instant(at)} (${ago(at, now)})`
  return detail === ''
    ? `${verdict} ${when}, restored in ${shortDuration(restoreMs)}`
    : `BAD, counts for nothing: ${verdict} ${when}: ${detail}`
}

function copyText(copy: Copy, now: number): string {
  const state = [
    copy.state,
    ...(copy.verifiedAt > 0 ? [`verified ${ago(copy.verifiedAt, now)}`] : []),
    ...(copy.missingSince > 0 ? [`missing since ${instant(copy.missingSince)}`] : []),
    ...(copy.jobId === '' ? [] : [copy.jobId]),
  ].join(', ')
  const why = copy.failure === undefined ? '' : ` · ${copy.failure.code}: ${copy.failure.message}`
  return `${copy.destination} (${state}): ${copy.url}/${copy.manifestKey}${why}`
}
