import type { Command } from 'commander'
import { Answer } from '../shared/command-line/index.ts'
import { printFailure } from '../shared/errors/print.ts'
import { failureFromWire } from '../shared/wire/failure.ts'
import type { Job } from '../shared/wire/gen/holdfast/v1/operator.ts'
import type { Session } from './command.ts'
import { isEnded, progressLine } from './print/progress.ts'
import { atWords } from './print/table.ts'
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
  if (options.wait === true) return follow(session, job, said)
  session.print(job, () => `${job.jobId} ${job.kind} of ${job.subjectName}: ${said}`)
}

/**
 * Follows a job to its end: on a terminal by a line that is painted again, elsewhere by a line for each state. Ends
 * with exit 1 when the job did not succeed.
 */
export async function follow(session: Session, job: Job, said: string): Promise<void> {
  const { terminal, forPeople } = session
  const begun = atWords(`${job.jobId} ${job.kind} of ${job.subjectName}: ${said}`, terminal.width)
  if (forPeople) terminal.err(`${begun.join('\n')}\n`)
  const line = forPeople && terminal.interactive ? new ProgressLine(session, job) : undefined
  let last = job
  try {
    for await (const next of session.coordinator.watchJob(job.jobId, terminal.signal)) {
      line?.show(next)
      if (forPeople && line === undefined && next.state !== last.state && !isEnded(next))
        terminal.err(`${next.state}${next.agentHost === '' ? '' : ` on ${next.agentHost}`}\n`)
      last = next
    }
  } finally {
    line?.clear()
  }
  session.print(last, () => endLine(last))
  if (last.state === 'succeeded') return
  if (last.failure) terminal.err(`${printFailure(failureFromWire(last.failure), terminal.width)}\n`)
  throw new Answer(1)
}

/** One line of the terminal, painted again at every report and every second, so that its clock does not stand still. */
class ProgressLine {
  readonly #session: Session
  readonly #since: number
  readonly #tick: NodeJS.Timeout
  #job: Job

  constructor(session: Session, job: Job) {
    this.#session = session
    this.#job = job
    this.#since = session.terminal.now()
    this.#tick = setInterval(() => this.show(this.#job), 1_000)
  }

  show(job: Job): void {
    this.#job = job
    const { terminal } = this.#session
    const elapsed = terminal.now() - (job.startedAt || this.#since)
    // the last column stays empty: some terminals go on in the next line once it is full
    terminal.err(`\r\u001b[K${progressLine(job, Math.max(0, elapsed), terminal.width - 1)}`)
  }

  clear(): void {
    clearInterval(this.#tick)
    this.#session.terminal.err('\r\u001b[K')
  }
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
