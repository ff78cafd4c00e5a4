import type { Job } from '../jobs/job.ts'
import type { BackupRecord } from '../store/records.ts'

/** Counts what a term did. Called after the commit only: what was rolled back is not counted. */
export interface Meter {
  /** @param seconds from the job's creation to its end */
  jobEnded(job: Job, seconds: number): void
  backupRecorded(backup: BackupRecord): void
  /** A restore showed what a backup is worth. */
  verified(engine: string, verdict: string, restoreMs: number): void
  /** A backup is gone everywhere. */
  backupDeleted(by: 'retention' | 'request'): void
  /** What a keeper removed of backups, in one destination. */
  bytesFreed(bytes: number): void
  /** A look of retention was stopped: so many backups stayed that would have gone. */
  heldByBrake(backups: number): void
}
