import type { HostResources } from '../../shared/wire/gen/holdfast/v1/common.ts'
import type { HostReading } from './host-watch.ts'

/** What an agent may take, by its configuration. */
export interface AgentLimits {
  readonly slots: number
  /** Stored bytes a second, all jobs together; undefined: no limit. */
  readonly maxRate: number | undefined
  readonly partBufferBytes: number
}

/** A reading as heartbeats carry it. @param yielding what is held back now, in words; empty: nothing */
export function resourcesToWire(reading: HostReading, limits: AgentLimits, yielding = ''): HostResources {
  const { disks, links, pressure, load1, memoryAvailableBytes } = reading
  return {
    slots: limits.slots,
    maxRate: limits.maxRate ?? 0,
    partBufferBytes: limits.partBufferBytes,
    disks: disks.map(disk => ({ ...disk, purposes: [...disk.purposes] })),
    links: links.map(link => ({ ...link })),
    pressure: pressure === undefined ? undefined : { ...pressure },
    load1,
    memoryAvailableBytes,
    yielding,
  }
}
