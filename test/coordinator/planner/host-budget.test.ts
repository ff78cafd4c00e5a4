import { describe, expect, test } from 'vitest'
import { hostCapacity } from '../../../coordinator/planner/host-capacity.ts'
import type { HostClaim } from '../../../coordinator/planner/host-claim.ts'
import { needsOf } from '../../../coordinator/planner/needs.ts'
import { agentId, backup, course, host, hour, jobId, look, minute, now } from './world.ts'

const mb = 1e6
const mebibyte = 1024 * 1024
const gb = 1e9
/** Both on the same host of many slots. */
const at = (n: number, change: Parameters<typeof backup>[1] = {}) =>
  backup(n, { candidates: [agentId(0)], destination: 'main', ...change })
const agents = (change: Parameters<typeof host>[1]) => ({ agents: [host(0, { slots: 10, ...change })] })

describe('what a host can bear', () => {
  test('its memory for part buffers is never promised twice; who waits for it says how much it lacks', () => {
    const jobs = [1, 2, 3].map(n => at(n, { bufferBytes: 60 * mb }))
    const { placed, of, why } = look(jobs, agents({ bufferBytes: 128 * mb }))
    expect(placed).toEqual([1, 2])
    expect(why(3)).toEqual(['reservation', 'host-memory'])
    expect(of(3)?.reasons[1]).toMatchObject({
      subject: 'host0',
      numbers: { used: 120 * mb, budget: 128 * mb, needs: 60 * mb },
    })
  })

  test('a job that wants more memory than there is gets all there is, once nobody else has any', () => {
    const greedy = at(1, { bufferBytes: 900 * mb })
    expect(look([greedy], agents({ bufferBytes: 128 * mb })).placed).toEqual([1])
    const running = [{ id: jobId(9), agentId: agentId(0), bufferBytes: 8 * mb, endsAt: now + hour }]
    const busy = look([greedy], { ...agents({ bufferBytes: 128 * mb }), running })
    expect(busy.placed).toEqual([])
    expect(busy.of(1)).toMatchObject({ reserved: { agentId: agentId(0), at: now + hour } })
  })

  test('its staging disk: what does not fit waits, for ever if it must, and keeps nobody else from it', () => {
    const jobs = [
      at(1, { stagingBytes: 500 * gb, deadline: now + minute }),
      at(2, { stagingBytes: 30 * gb }),
      at(3, { stagingBytes: 30 * gb }),
      at(4),
    ]
    const { placed, why, of } = look(jobs, agents({ stagingBytes: 50 * gb }))
    expect(placed).toEqual([2, 4])
    expect(why(1)).toEqual(['host-staging'])
    expect(of(1)?.reasons[0]).toMatchObject({ numbers: { budget: 50 * gb, needs: 500 * gb } })
    expect(why(3)).toContain('host-staging')
  })

  test('its rate is the lower one of its budget and of its own agent', () => {
    const jobs = [1, 2, 3].map(n => at(n))
    expect(look(jobs, agents({ bytesPerSecond: 20 * mb })).placed).toEqual([1, 2])
    expect(
      look(jobs, { ...agents({ bytesPerSecond: 20 * mb }), budgets: { host: { bytesPerSecond: 10 * mb } } })
        .placed,
    ).toEqual([1])
    expect(look(jobs, { ...agents({}), budgets: { host: { bytesPerSecond: 10 * mb } } }).why(2)).toContain(
      'host-rate',
    )
  })

  test('what it does not tell limits nothing', () => {
    const jobs = [1, 2, 3].map(n => at(n, { bufferBytes: 900 * gb, stagingBytes: 900 * gb }))
    expect(look(jobs, agents({})).placed).toEqual([1, 2, 3])
  })

  test('a large one is not starved of memory by small ones that keep coming', () => {
    const small = Array.from({ length: 100 }, (_, n) =>
      at(100 + n, { bufferBytes: 32 * mb, rate: 0, dueAt: now + n * 2 * minute, p50: 8 * minute }),
    )
    const large = at(1, { bufferBytes: 128 * mb, rate: 0, dueAt: now + 20 * minute, notBefore: 0 })
    const { startOf } = course([...small, large], agents({ bufferBytes: 128 * mb }))
    expect((startOf(1) ?? Number.POSITIVE_INFINITY) - large.dueAt).toBeLessThanOrEqual(12 * minute)
  })

  test('a manual restore waits for neither', () => {
    const restore = at(3, { kind: 'restore', manual: true, bufferBytes: 60 * mb })
    const running = [{ id: jobId(9), agentId: agentId(0), bufferBytes: 128 * mb, endsAt: now + hour }]
    const jobs = [at(1, { bufferBytes: 8 * mb }), restore]
    expect(look(jobs, { ...agents({ bufferBytes: 128 * mb }), running }).placed).toEqual([3])
  })
})

describe('what of a claim is a budget', () => {
  const claim: HostClaim = {
    slots: 2,
    maxRate: 50 * mb,
    partBufferBytes: 512 * mb,
    disks: [
      { path: '/', purposes: ['state'], totalBytes: 10 * gb, freeBytes: 1 * gb, reserveBytes: 0 },
      { path: '/s', purposes: ['staging'], totalBytes: 100 * gb, freeBytes: 60 * gb, reserveBytes: 2 * gb },
    ],
    links: [],
    load1: 0,
    memoryAvailableBytes: 8 * gb,
    yielding: '',
  }

  test('the rate, the buffers, and what is free on the staging disk above the floor', () => {
    expect(hostCapacity(claim)).toEqual({
      bytesPerSecond: 50 * mb,
      bufferBytes: 512 * mb,
      stagingBytes: 58 * gb,
    })
  })

  test('no more buffers than memory is available, beside what is held already', () => {
    expect(hostCapacity({ ...claim, memoryAvailableBytes: 100 * mb }, 60 * mb).bufferBytes).toBe(160 * mb)
  })

  test('what is unknown is no budget', () => {
    expect(hostCapacity({ ...claim, maxRate: 0, partBufferBytes: 0, disks: [] })).toEqual({})
  })

  test('a disk below its floor has no room, not less than none', () => {
    const [, staging] = claim.disks
    const full = {
      ...claim,
      disks: [{ ...(staging ?? claim.disks[0]), freeBytes: gb }] as typeof claim.disks,
    }
    expect(hostCapacity(full).stagingBytes).toBe(0)
  })
})

describe('what a job needs of its host', () => {
  const small = { kind: 'backup', engine: 'postgres', rawBytes: 50 * mb, storedBytes: 10 * mb } as const

  test('two parts for each stream, of the size that the pipeline chooses', () => {
    expect(needsOf(small)).toEqual({ bufferBytes: 2 * 8 * mebibyte })
    expect(needsOf({ ...small, storedBytes: 0 })).toEqual({ bufferBytes: 2 * 16 * mebibyte })
    expect(needsOf({ ...small, rawBytes: gb })).toEqual({ bufferBytes: 8 * 8 * mebibyte })
    expect(needsOf({ ...small, rawBytes: gb, streams: 2 })).toEqual({ bufferBytes: 4 * 8 * mebibyte })
    expect(needsOf({ ...small, rawBytes: 9e12, storedBytes: 9e12, streams: 1 })).toEqual({
      bufferBytes: 2 * 64 * mebibyte,
    })
  })

  test('twice what will lie on the disk where it must be staged, nothing where it only may', () => {
    expect(needsOf({ ...small, strategy: 'staged' }).stagingBytes).toBe(20 * mb + 1)
    expect(needsOf({ ...small, strategy: 'staged', codec: 'none' }).stagingBytes).toBe(100 * mb + 1)
    expect(needsOf({ ...small, strategy: 'auto' }).stagingBytes).toBeUndefined()
  })

  test('a delete takes nothing', () => {
    expect(needsOf({ ...small, kind: 'delete' })).toEqual({})
  })
})
