import type { Command } from 'commander'
import { Answer } from '../shared/command-line/index.ts'
import { printFailure } from '../shared/errors/print.ts'
import { failureFromWire } from '../shared/wire/failure.ts'
import type { Job } from '../shared/wire/gen/holdfast/v1/operator.ts'
import type { Session } from './command.ts'
import { progressWords } from './commands/observed.ts'
import { bytes, shortDuration } from './print/units.ts'

/** What `--wait` promises in `--help`. */
export const waitExits = '0 started (with --wait: succeeded); 1 with --wait: failed or cancelled'

/** Adds `--wait`. */
export function waitOption(command: Command): Command {
  return command.option('--wait', 'wait until the job ends; the exit status says how')
}

/** Prints a started job, or under `--wait` follows it to its end. Ends with exit 1 when the job did not succeed. */
export async function waitFor(
  session: Session,
  job: Job | undefined,
  options: Readonly<Record<string, string | boolean | undefined>>,
  said: string,
): Promise<void> {
  if (!job) return
  if (options.wait !== true) {
    session.print(job, () => `${job.jobId} ${job.kind} of ${job.subjectName}: ${said}`)
    return
  }
  const { terminal } = session
  if (session.forPeople) terminal.err(`${job.jobId} ${job.kind} of ${job.subjectName}: ${said}\n`)
  const begun = terminal.now()
  let last = job
  for await (const next of session.coordinator.watchJob(job.jobId, terminal.signal)) {
    if (terminal.interactive && session.forPeople)
      terminal.err(`\r\u001b[K${progressLine(next, terminal.now() - begun)}`)
    last = next
  }
  if (terminal.interactive && session.forPeople) terminal.err('\r\u001b[K')
  session.print(last, () => endLine(last))
  if (last.state === 'succeeded') return
  if (last.failure) terminal.err(`${printFailure(failureFromWire(last.failure))}\n`)
  throw new Answer(1)
}

function progressLine(job: Job, elapsed: number): string {
  if (!job.progress) return `${job.state} · ${shortDuration(elapsed)}`
  return `${job.state} · ${progressWords(job.progress)} · ${shortDuration(elapsed)}`
}

function endLine(job: Job): string {
  const took = job.startedAt > 0 && job.endedAt > 0 ? ` in ${shortDuration(job.endedAt - job.startedAt)}` : ''
  return `${job.jobId} ${job.state}${took}${job.state === 'succeeded' ? fruitOf(job) : ''}`
}

/** What a succeeded job left behind. */
function fruitOf(job: Job): string {
  if (job.kind === 'backup')
    return `, ${job.backupId}, ${bytes(job.rawBytes)} raw, ${bytes(job.storedBytes)} stored`
  return job.into === '' ? '' : `, into ${job.into}`
}
