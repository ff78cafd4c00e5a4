import { availableParallelism, freemem, loadavg } from 'node:os'
import { readDisks, type WatchedFolder } from './disks.ts'
import type { HostSenses } from './host-watch.ts'
import { readCounters } from './network.ts'
import { readPressure } from './pressure.ts'

/** The senses of this very host. @param folders ours, whose file systems matter most */
export function hostSenses(folders: readonly WatchedFolder[]): HostSenses {
  return {
    disks: () => readDisks(folders),
    counters: () => readCounters(),
    pressure: () => readPressure(),
    load1: () => loadavg()[0] ?? 0,
    cores: () => availableParallelism(),
    memoryAvailableBytes: () => freemem(),
  }
}
