import type { Job } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import type { Terminal } from '../command.ts'
import { table } from '../print/table.ts'
import { ago, bytes, shortDuration } from '../print/units.ts'

/** Jobs as a table of at most the terminal's width; ids are whole, so that they can be copied. */
export function jobTable(rows: readonly Job[], terminal: Terminal): string {
  return table(
    rows,
    [
      { heading: 'JOB', value: j => j.jobId },
      { heading: 'KIND', value: j => j.kind, drop: 2 },
      { heading: 'SUBJECT', value: j => j.subjectName, shrinkTo: 12, cut: 'start' },
      { heading: 'STATE', value: j => j.state, paint: terminal.paint },
      ...(rows.some(leftOf) ? [{ heading: 'LEFT', value: (j: Job) => leftOf(j) || '-' }] : []),
      { heading: 'SIZE', value: j => sizeOf(j), align: 'right', drop: 1 },
      { heading: 'HOST', value: j => j.agentHost || '-', wide: true },
      { heading: 'ATTEMPT', value: j => j.attemptId || '-', wide: true },
      { heading: 'FAILURE', value: j => j.failure?.code ?? '-', wide: true },
      { heading: 'WHEN', value: j => ago(j.endedAt || j.startedAt || j.createdAt, terminal.now()) },
    ],
    terminal.width,
  )
}

function sizeOf(job: Job): string {
  const stored = job.storedBytes || (job.progress?.storedBytes ?? 0)
  return stored === 0 ? '-' : bytes(stored)
}

/** The predicted time to the end; empty when nothing is predicted. */
function leftOf({ progress }: Job): string {
  return progress === undefined || progress.remainingMs === 0 ? '' : `~${shortDuration(progress.remainingMs)}`
}
