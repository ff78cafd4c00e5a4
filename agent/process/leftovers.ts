import { bootId, type ChildRecord, startTimeOf } from './child-record.ts'

/**
 * Kills what a dead agent left running, and only that: a record counts when pid, start time and boot all
 * still match. Every child leads its own process group, so what a wrapper script started goes with it.
 * Returns the records that were alive.
 */
export function endLeftovers(records: readonly ChildRecord[]): readonly ChildRecord[] {
  const boot = bootId()
  return records.filter(record => {
    if (boot === '' || record.bootId !== boot || startTimeOf(record.pid) !== record.startTime) return false
    signalGroup(record.pid, 'SIGKILL')
    return true
  })
}

/** Sends a signal to a child's process group; one that is gone is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
  }
}
