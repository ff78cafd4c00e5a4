export { type BackupStreamRequest, backupStream, type StreamOutcome } from './backup-stream.ts'
export { PartBudget, type Reservation } from './part-budget.ts'
export { type RestoreOutcome, type RestoreStreamRequest, restoreStream } from './restore-stream.ts'
export type { PartStore, PendingObject } from './upload/object-writer.ts'
