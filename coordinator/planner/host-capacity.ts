import type { HostClaim } from './host-claim.ts'
import type { AgentCapacity } from './port.ts'

/** What a host's claim, as far as it is believed, leaves for jobs beside its slots. */
export type HostCapacity = Pick<AgentCapacity, 'bytesPerSecond' | 'bufferBytes' | 'stagingBytes'>

/**
 * The budgets a host gives by its own word: its agent's rate; memory for part buffers, no more than is available
 * beside what jobs hold already; room on the disk that staging lies on, above the floor.
 *
 * @param held part buffers of what runs there, bytes
 */
export function hostCapacity(claim: HostClaim, held = 0): HostCapacity {
  const { maxRate, partBufferBytes, memoryAvailableBytes, disks } = claim
  const staging = disks.find(disk => disk.purposes.includes('staging'))
  const buffer =
    memoryAvailableBytes > 0 ? Math.min(partBufferBytes, memoryAvailableBytes + held) : partBufferBytes
  return {
    ...(maxRate > 0 ? { bytesPerSecond: maxRate } : {}),
    ...(partBufferBytes > 0 ? { bufferBytes: buffer } : {}),
    ...(staging === undefined ? {} : { stagingBytes: Math.max(0, staging.freeBytes - staging.reserveBytes) }),
  }
}
