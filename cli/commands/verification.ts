import type { Command } from 'commander'
import { Verification } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged, selected, selectorOf } from '../list.ts'
import { table } from '../print/table.ts'
import { ago, bytes, shortDuration } from '../print/units.ts'
import { inTime, stretchOf } from '../time-options.ts'

/** `holdfast verification list`. */
export function verificationCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'what restores showed of backups, newest first',
      examples: [
        'holdfast verification list --since 30d',
        'holdfast verification list --verdict differs -o json',
        "holdfast verification list --selector 'engine=postgres,database=shop*'",
      ],
    },
    command =>
      inTime(selected(paged(command)))
        .option('--database <database>', 'database id, name, or service/name')
        .option('--backup <backup>', 'backup id')
        .option('--verdict <verdict>', 'verified, restored, differs, unrestorable'),
    async (session, _args, options) => {
      const filter = {
        database: options.database as string | undefined,
        backup: options.backup as string | undefined,
        verdict: options.verdict as string | undefined,
        ...selectorOf(options),
        ...stretchOf(options, terminal.now()),
      }
      await list(session, options, filter, request => session.coordinator.ask('listVerifications', request), {
        rowsOf: answer => answer.verifications,
        key: 'verifications',
        like: Verification.fromPartial({}),
        none: 'no backup was verified',
        table: rows => verificationTable(rows, terminal),
      })
    },
  )
  return noun('verification', 'proofs of backups by restores', [listing])
}

function verificationTable(rows: readonly Verification[], terminal: Terminal): string {
  return table(
    rows,
    [
      { heading: 'BACKUP', value: v => v.backupId },
      { heading: 'SUBJECT', value: v => v.subjectName, shrinkTo: 10, cut: 'start' },
      { heading: 'WHEN', value: v => ago(v.at, terminal.now()) },
      { heading: 'VERDICT', value: v => v.verdict, paint: terminal.paint },
      { heading: 'RESTORE', value: v => shortDuration(v.restoreMs), align: 'right', drop: 3 },
      { heading: 'TABLES', value: v => String(v.tables), align: 'right', drop: 1 },
      { heading: 'ROWS', value: v => String(v.rows), align: 'right', drop: 2 },
      { heading: 'RAW', value: v => bytes(v.rawBytes), align: 'right', wide: true },
      { heading: 'SERVER', value: v => `${v.engine} ${v.serverVersion}`, wide: true },
      { heading: 'HOST', value: v => v.agentHost, wide: true },
      { heading: 'JOB', value: v => v.jobId, wide: true },
      { heading: 'WHAT', value: whatOf, wide: true },
    ],
    terminal.width,
  )
}

/** What is wrong, in a line. */
function whatOf({ differences, differenceCount, failure }: Verification): string {
  if (failure !== undefined) return `${failure.code}: ${failure.message}`
  const [first] = differences
  return first === undefined
    ? '-'
    : `${first}${differenceCount > 1 ? ` (and ${differenceCount - 1} more)` : ''}`
}
