import type { Backup } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import type { Terminal } from '../command.ts'
import { table } from '../print/table.ts'
import { ago, bytes } from '../print/units.ts'
import { goesText } from './retention.ts'

/** Backups as a table of at most the terminal's width. */
export function backupTable(rows: readonly Backup[], terminal: Terminal): string {
  return table(
    rows,
    [
      { heading: 'BACKUP', value: b => b.backupId },
      { heading: 'SUBJECT', value: b => b.subjectName, shrinkTo: 12, cut: 'start' },
      { heading: 'ENGINE', value: b => b.engine, drop: 1 },
      { heading: 'DATA AS OF', value: b => ago(b.dataAsOf, terminal.now()) },
      { heading: 'COPIES', value: b => copiesOf(b), align: 'right', drop: 3 },
      { heading: 'RAW', value: b => bytes(b.rawBytes), align: 'right', drop: 2 },
      { heading: 'JOB', value: b => b.jobId, wide: true },
      { heading: 'VERIFIED', value: b => proofOf(b, terminal.now()), wide: true },
      { heading: 'HELD', value: b => (b.hold === undefined ? '-' : b.hold.by), wide: true },
      { heading: 'KEPT BY', value: b => b.keptBy.join(' '), wide: true },
      { heading: 'GOES', value: b => goesText(b, terminal.now()), drop: 4 },
      { heading: 'STORED', value: b => bytes(b.storedBytes), align: 'right' },
    ],
    terminal.width,
  )
}

/** What its last verification showed, and when. */
function proofOf({ verification }: Backup, now: number): string {
  return verification === undefined ? '-' : `${verification.verdict} ${ago(verification.at, now)}`
}

/** How many of the copies that are asked for are there. */
export function copiesOf({ copies }: Pick<Backup, 'copies'>): string {
  return `${copies.filter(copy => copy.state === 'present').length}/${copies.length}`
}
