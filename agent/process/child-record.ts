import { readFileSync } from 'node:fs'

/**
 * Who a child is, beyond its pid: a pid alone is given out again, pid + start time + boot is not. Kept in
 * the commit journal, so that a restarted agent ends exactly what its forerunner left (architecture §7).
 */
export interface ChildRecord {
  readonly name: string
  readonly pid: number
  /** Clock ticks since boot, as `/proc/<pid>/stat` has it. */
  readonly startTime: string
  readonly bootId: string
}

/** Start time of a process in ticks since boot; undefined when there is none of that pid, or it is a zombie. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/** This boot of this machine; empty where the kernel does not say, and then no record ever matches. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

/** The record of a child just started; undefined when it is gone already. */
export function recordOf(name: string, pid: number): ChildRecord | undefined {
  const startTime = startTimeOf(pid)
  return startTime === undefined ? undefined : { name, pid, startTime, bootId: bootId() }
}

/** The record of this process. */
export function ownRecord(): ChildRecord {
  return { name: 'agent', pid: process.pid, startTime: startTimeOf(process.pid) ?? '0', bootId: bootId() }
}

/** Whether the process of a record still runs: pid, start time and boot all match. */
export function isAlive(record: ChildRecord): boolean {
  return record.bootId === bootId() && startTimeOf(record.pid) === record.startTime
}
