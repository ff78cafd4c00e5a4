import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { AttemptResult } from '../jobs/result.ts'
import { type Report, type Reporter, reported, reportSchema } from './report.ts'

/** Monitors of other users read it; it holds names and sizes, no secret. */
const mode = 0o644

/**
 * Reads a report.
 *
 * @throws AppError `report.missing`, `report.unreadable`
 */
export async function readReport(path: string): Promise<Report> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new AppError(missing ? 'report.missing' : 'report.unreadable', { context: { path }, cause })
  }
  try {
    return reportSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new AppError('report.unreadable', { context: { path }, cause })
  }
}

/**
 * The status file of a host, `last_backup.json`: for monitors that look at hosts and not at coordinators.
 * Replaced whole at each result, so that a reader never sees half of it; a file that cannot be written is
 * logged and is no reason to fail a backup.
 */
export class ReportFile {
  readonly #path: string
  readonly #reporter: Reporter
  readonly #log: Log
  #report: Report | undefined
  #writing: Promise<void> = Promise.resolve()

  private constructor(path: string, reporter: Reporter, log: Log, report: Report | undefined) {
    this.#path = path
    this.#reporter = reporter
    this.#log = log
    this.#report = report
  }

  /** Goes on from what the file says; one that is damaged begins anew, and that is told. */
  static async open(path: string, reporter: Reporter, log: Log): Promise<ReportFile> {
    let report: Report | undefined
    try {
      report = await readReport(path)
    } catch (thrown) {
      const error = AppError.from(thrown)
      if (error.code !== 'report.missing') log.warn('the status file begins anew', { path, error })
    }
    return new ReportFile(path, reporter, log, report)
  }

  /** Takes a result in; the file follows at once, in the order of the results. */
  add(result: AttemptResult): void {
    const report = reported(this.#report, result, this.#reporter)
    if (report === undefined || report === this.#report) return
    this.#report = report
    this.#writing = this.#writing.then(() => this.#write(report))
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writing
  }

  async #write(report: Report): Promise<void> {
    const temporary = `${this.#path}.${randomBytes(6).toString('hex')}`
    try {
      await writeFile(temporary, `${JSON.stringify(report, null, 2)}\n`, { mode, flag: 'wx' })
      await rename(temporary, this.#path)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined)
      this.#log.warn('the status file could not be written', { path: this.#path, error })
    }
  }
}
