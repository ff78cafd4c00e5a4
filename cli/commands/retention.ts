import type { Command } from 'commander'
import { Backup, type RetentionBrake } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged } from '../list.ts'
import { approvable, approvableOf } from '../mutation.ts'
import { table } from '../print/table.ts'
import { ago, bytes, instant } from '../print/units.ts'

/** `holdfast retention preview|proceed`. */
export function retentionCommand(terminal: Terminal): Command {
  return noun('retention', 'what is kept of backups, and for how long', [
    preview(terminal),
    proceed(terminal),
  ])
}

function preview(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'preview',
      summary: 'what retention would delete and when, and why the rest stays; of the fleet, what leaves',
      examples: ['holdfast retention preview', 'holdfast retention preview orders-db/orders'],
    },
    command => paged(command.argument('[database]', 'database id, name, or service/name')),
    async (session, [database = ''], options) => {
      const ask = async (request: { readonly pageSize: number; readonly pageToken: string }) => {
        const { pageSize, pageToken } = request
        const answer = await session.coordinator.ask('previewRetention', { database, pageSize, pageToken })
        if (pageToken === '' && session.forPeople) terminal.err(heading(answer, database))
        return answer
      }
      await list(session, options, {}, ask, {
        rowsOf: answer => answer.backups,
        key: 'backups',
        like: Backup.fromPartial({}),
        none: database === '' ? 'no backup leaves' : 'no backup',
        table: rows => stayingTable(rows, terminal),
      })
    },
  )
}

function heading(
  answer: { readonly rule: string; readonly policy: string; readonly brake: RetentionBrake | undefined },
  database: string,
): string {
  const { rule, policy, brake } = answer
  const kept =
    policy === ''
      ? 'no policy: every backup is kept'
      : `policy ${policy} keeps ${rule === '' ? 'every backup' : rule}`
  return `${database === '' ? '' : `${kept}\n`}${brakeLine(brake)}`
}

function brakeLine(brake: RetentionBrake | undefined): string {
  if (brake === undefined || !brake.on) return ''
  const { beyond, total, limit } = brake
  return `STOPPED: ${beyond} of ${total} backups would go beyond what is usual, more than ${limit}; nothing is deleted until \`holdfast retention proceed\`\n`
}

/** Backups with when they go, or why they stay. */
function stayingTable(rows: readonly Backup[], terminal: Terminal): string {
  const now = terminal.now()
  return table(
    rows,
    [
      { heading: 'BACKUP', value: b => b.backupId },
      { heading: 'SUBJECT', value: b => b.subjectName, shrinkTo: 12, cut: 'start', drop: 1 },
      { heading: 'DATA AS OF', value: b => ago(b.dataAsOf, now) },
      { heading: 'STORED', value: b => bytes(b.storedBytes), align: 'right', drop: 2 },
      { heading: 'GOES', value: b => goesText(b, now) },
      { heading: 'KEPT BY', value: b => b.keptBy.join(' '), shrinkTo: 19, wrap: true },
    ],
    terminal.width,
  )
}

/** When a backup goes, as far as that is known. */
export function goesText(backup: Backup, now: number): string {
  if (backup.deletedAt > 0) return `gone ${ago(backup.deletedAt, now)}`
  if (backup.deletingSince > 0) return 'going'
  if (backup.expiredSince > 0) return backup.expiresAt <= now ? 'due' : ago(backup.expiresAt, now)
  return '-'
}

function proceed(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'proceed',
      summary: 'let go what has expired by now although it is more than usual',
      examples: ['holdfast retention proceed --reason "30 days from now on, CHG-118"'],
    },
    command => approvable(command),
    async ({ coordinator, print }, _args, options) => {
      const answer = await coordinator.ask('releaseBrake', approvableOf(options))
      print(answer, () => `what had expired by ${instant(terminal.now())} may go once its time has come`)
    },
  )
}
