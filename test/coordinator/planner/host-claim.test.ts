import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { believe, doubtText, type HostClaim } from '../../../coordinator/planner/host-claim.ts'

const honest: HostClaim = {
  slots: 2,
  maxRate: 0,
  partBufferBytes: 512e6,
  disks: [
    { path: '/', purposes: ['state', 'staging'], totalBytes: 100e9, freeBytes: 60e9, reserveBytes: 2e9 },
  ],
  links: [{ name: 'eth0', receivedBytesPerSecond: 1, sentBytesPerSecond: 2 }],
  pressure: { cpu: 3, memory: undefined, io: 0.5 },
  load1: 0.7,
  memoryAvailableBytes: 8e9,
  yielding: '',
}
const memory = 16e9
const capacity = ({ slots, maxRate, partBufferBytes }: HostClaim) => ({ slots, maxRate, partBufferBytes })

describe('what a host claims of itself', () => {
  test('is believed when it can be', () => {
    expect(believe(honest, memory, [capacity(honest)])).toEqual({ claim: honest, doubts: [] })
  })

  test.each<[string, Partial<HostClaim>, Partial<HostClaim>, string]>([
    ['negative slots', { slots: -3 }, { slots: 1 }, 'slots: says -3, taken as 1'],
    ['no slots at all', { slots: 0 }, { slots: 1 }, 'slots: says 0, taken as 1'],
    ['a million slots', { slots: 1e6 }, { slots: 64 }, 'slots: says 1000000, taken as 64'],
    ['a negative rate', { maxRate: -1 }, { maxRate: 0 }, 'max rate: says -1, taken as 0'],
    [
      'more buffers than the host has memory',
      { partBufferBytes: 1e15 },
      { partBufferBytes: memory },
      `part buffers: says ${1e15}, taken as ${memory}`,
    ],
    ['a load that is no number', { load1: Number.NaN }, { load1: 0 }, 'load: says NaN, taken as 0'],
    [
      'pressure above all of the time',
      { pressure: { io: 4_000 } },
      { pressure: { cpu: undefined, memory: undefined, io: 100 } },
      'pressure io: says 4000, taken as 100',
    ],
  ])('%s are clamped, and the doubt says what was said and what is taken', (_title, lie, taken, told) => {
    const { claim, doubts } = believe({ ...honest, ...lie }, memory)
    expect(claim).toEqual({ ...honest, ...taken })
    expect(doubts.map(doubtText)).toEqual([told])
  })

  test('a disk with more free than there is of it has no more than there is', () => {
    const disk = { path: '/data', purposes: ['data'], totalBytes: 10, freeBytes: 50, reserveBytes: 0 }
    const { claim, doubts } = believe({ ...honest, disks: [disk] }, memory)
    expect(claim.disks[0]?.freeBytes).toBe(10)
    expect(doubts.map(doubtText)).toEqual(['disk /data free: says 50, taken as 10'])
  })

  test('a capacity that changes with each beat is taken as the least of it', () => {
    const stated = [8, 2, 9, 3, 30].map(slots => capacity({ ...honest, slots }))
    const { claim, doubts } = believe({ ...honest, slots: 30 }, memory, stated)
    expect(claim.slots).toBe(2)
    expect(doubts.map(doubtText)).toEqual(['slots (changing): says 30, taken as 2'])
  })

  test('one that was configured anew is believed', () => {
    const stated = [2, 2, 2, 4, 4, 4].map(slots => capacity({ ...honest, slots }))
    expect(believe({ ...honest, slots: 4 }, memory, stated)).toMatchObject({
      claim: { slots: 4 },
      doubts: [],
    })
  })

  test('whatever it says, what is reckoned with can be', () => {
    const any = fc.oneof(fc.double(), fc.integer())
    fc.assert(
      fc.property(
        fc.record({ slots: any, maxRate: any, partBufferBytes: any, load1: any, memoryAvailableBytes: any }),
        fc.array(fc.record({ slots: any, maxRate: any, partBufferBytes: any }), { maxLength: 8 }),
        (numbers, stated) => {
          const { claim } = believe({ ...honest, ...numbers }, memory, stated)
          expect(claim.slots).toBeGreaterThanOrEqual(1)
          expect(claim.slots).toBeLessThanOrEqual(64)
          for (const value of [claim.maxRate, claim.partBufferBytes, claim.load1, claim.memoryAvailableBytes])
            expect(Number.isFinite(value) && value >= 0).toBe(true)
          expect(claim.partBufferBytes).toBeLessThanOrEqual(memory)
        },
      ),
    )
  })
})
