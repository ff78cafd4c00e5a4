import type { Job } from '../jobs/job.ts'
import type { BackupRecord } from '../store/records.ts'

/** Counts what a term did. Called after the commit only: what was rolled back is not counted. */
export interface Meter {
  /** @param seconds from the job's creation to its end */
  jobEnded(job: Job, seconds: number): void
  backupRecorded(backup: BackupRecord): void
}
