import { describe, expect, it } from 'vitest'
import { type ProtectionInput, protectionOf } from '../../../coordinator/protection/index.ts'

const hour = 3_600_000
const base = 1_800_000_000_000
const policy = { rpo: 26 * hour }

function at(hours: number, change: Partial<ProtectionInput> = {}) {
  const { state, reason } = protectionOf({
    now: base + hours * hour,
    policy,
    firstSeenAt: base - 100 * hour,
    lastDataAsOf: base,
    dueAt: base + 24 * hour,
    connectable: true,
    consecutiveFailures: 0,
    jobOpen: false,
    ...change,
  })
  return reason === '' ? state : `${state}: ${reason}`
}

const { lastDataAsOf: _, ...never } = { lastDataAsOf: undefined, firstSeenAt: base }
const gap = { instanceGap: { code: 'agent-silent', detail: 'no heartbeat' } } as const

function fresh(hours: number, change: Partial<ProtectionInput> = {}) {
  const { state, reason } = protectionOf({
    now: base + hours * hour,
    policy,
    ...never,
    connectable: true,
    consecutiveFailures: 0,
    jobOpen: false,
    ...change,
  })
  return reason === '' ? state : `${state}: ${reason}`
}

describe('P1: the RPO clock', () => {
  it('breaches for a database that never had a backup, counted from when it was first seen', () => {
    expect(fresh(0)).toBe('due: never-backed-up')
    expect(fresh(20)).toBe('at-risk: never-backed-up')
    expect(fresh(26)).toBe('at-risk: never-backed-up')
    expect(fresh(26.01)).toBe('breached: never-backed-up')
  })

  it('breaches whatever the excuse, and names it', () => {
    expect(at(27, gap)).toBe('breached: agent-silent')
    expect(at(27, { jobOpen: true })).toBe('breached: job-running')
    expect(at(27, { consecutiveFailures: 2 })).toBe('breached: failing')
    expect(at(27, { connectable: false })).toBe('breached: not-connectable')
    expect(at(27)).toBe('breached: overdue')
    expect(fresh(27, gap)).toBe('breached: agent-silent')
    expect(fresh(27, { instanceGap: { code: 'gone', detail: 'not in Consul' } })).toBe('breached: gone')
  })

  it('is unprotected without a policy, and when nothing can back up what never was', () => {
    expect(fresh(0, gap)).toBe('unprotected: agent-silent')
    expect(fresh(0, { connectable: false })).toBe('unprotected: not-connectable')
    const { policy: _, ...without } = { policy: undefined }
    expect(
      protectionOf({
        now: base,
        firstSeenAt: base,
        connectable: true,
        consecutiveFailures: 0,
        jobOpen: false,
        ...without,
      }).reason,
    ).toBe('no-policy')
  })

  it('goes protected, due, breached as a good backup ages', () => {
    expect(at(1)).toBe('protected')
    expect(at(23.9)).toBe('protected')
    expect(at(24, { policy: { rpo: 72 * hour } })).toBe('due: backup-due')
    expect(at(24, { policy: { rpo: 72 * hour }, jobOpen: true })).toBe('due: job-running')
    expect(at(60, { policy: { rpo: 72 * hour } })).toBe('at-risk: overdue')
    expect(at(73, { policy: { rpo: 72 * hour } })).toBe('breached: overdue')
  })

  it('is at risk as soon as it is due and the job fails or nothing can run', () => {
    const wide = { policy: { rpo: 96 * hour } }
    expect(at(25, { ...wide, consecutiveFailures: 1, lastFailureCode: 'database.unreachable' })).toBe(
      'at-risk: failing',
    )
    expect(at(25, { ...wide, ...gap })).toBe('at-risk: agent-silent')
    expect(at(23, { ...wide, ...gap })).toBe('protected')
  })

  it('stops for what the server itself says is dropped', () => {
    expect(at(1_000, { goneSince: base })).toBe('unprotected: gone')
  })

  it('plans nothing for what refuses connections, yet lets its clock run', () => {
    const protection = protectionOf({
      now: base,
      policy,
      firstSeenAt: base,
      connectable: false,
      consecutiveFailures: 0,
      jobOpen: false,
    })
    expect(protection.dueAt).toBeUndefined()
    expect(protection.deadline).toBe(base + 26 * hour)
  })

  it('is a promise that cannot be kept when the interval is longer than the RPO: a breach each time', () => {
    const impossible = { policy: { rpo: 6 * hour } }
    expect(at(5, impossible)).toBe('protected')
    expect(at(7, impossible)).toBe('breached: overdue')
  })
})

describe('a pause', () => {
  const paused = 'host host7 is paused by ops: storage moves'
  const told = (hours: number, change: Partial<ProtectionInput>) => {
    const { state, reason, detail } = protectionOf({
      now: base + hours * hour,
      policy,
      firstSeenAt: base - 100 * hour,
      lastDataAsOf: base,
      dueAt: base + 24 * hour,
      connectable: true,
      consecutiveFailures: 0,
      jobOpen: false,
      paused,
      ...change,
    })
    return { state, reason, detail }
  }

  it('explains what nothing worse does', () => {
    expect(told(1, {})).toEqual({ state: 'protected', reason: '', detail: '' })
    expect(told(25, {})).toEqual({ state: 'at-risk', reason: 'paused', detail: paused })
    expect(told(27, {})).toEqual({ state: 'breached', reason: 'paused', detail: paused })
    expect(fresh(1, { paused })).toBe('unprotected: paused')
  })

  it('hides nothing worse: that stands first, the pause beside it', () => {
    expect(told(27, gap)).toMatchObject({ reason: 'agent-silent', detail: `no heartbeat; ${paused}` })
    const failing = { consecutiveFailures: 2, lastFailureCode: 'database.unreachable' }
    expect(told(27, failing)).toMatchObject({
      reason: 'failing',
      detail: `2 in a row, last database.unreachable; ${paused}`,
    })
    expect(fresh(1, { paused, ...failing })).toBe('unprotected: failing')
    expect(told(1, { windowTooSmall: 'w' })).toMatchObject({ state: 'breached', reason: 'window-too-small' })
  })

  it('says nothing of what is gone, or nobody promised', () => {
    expect(told(1, { goneSince: base }).detail).not.toContain('paused')
    expect(
      protectionOf({
        ...{ now: base, firstSeenAt: base, connectable: true },
        consecutiveFailures: 0,
        jobOpen: false,
        paused,
      }).detail,
    ).not.toContain('paused')
  })
})

describe('tools that are missing', () => {
  it('are a reason of their own', () => {
    expect(at(27, { consecutiveFailures: 1, lastFailureCode: 'tool.missing' })).toBe(
      'breached: tools-missing',
    )
    expect(at(27, { consecutiveFailures: 1, lastFailureCode: 'tool.too-old' })).toBe(
      'breached: tools-missing',
    )
  })
})

describe('what stands in the way', () => {
  const told = (hours: number, change: Partial<ProtectionInput>) =>
    protectionOf({
      now: base + hours * hour,
      policy,
      firstSeenAt: base - 100 * hour,
      lastDataAsOf: base,
      dueAt: base + 24 * hour,
      connectable: true,
      consecutiveFailures: 0,
      jobOpen: true,
      ...change,
    })

  it('says since when it fails, and how the last one did', () => {
    const failing = {
      consecutiveFailures: 3,
      failingSince: base + 20 * hour,
      lastFailureCode: 'database.unreachable',
    }
    expect(told(27, failing)).toMatchObject({
      reason: 'failing',
      detail: 'since 2027-01-16T04:00:00.000Z: 3 in a row, last database.unreachable',
    })
    expect(told(25, failing).state).toBe('at-risk')
  })

  it('a slot that comes too late is told before the promise breaks, and when it is broken', () => {
    const noCapacity = 'it waits for a slot of host db1'
    expect(told(1, { noCapacity }).state).toBe('protected')
    expect(told(24, { noCapacity })).toMatchObject({
      state: 'at-risk',
      reason: 'no-capacity',
      detail: `by the forecast not before 2027-01-16T10:00:00.000Z, when its promise breaks: ${noCapacity}`,
    })
    expect(told(27, { noCapacity })).toMatchObject({
      state: 'breached',
      reason: 'no-capacity',
      detail: `promised by 2027-01-16T10:00:00.000Z: ${noCapacity}`,
    })
    // worse stands first: whoever cannot run needs no slot
    expect(told(27, { noCapacity, ...gap }).reason).toBe('agent-silent')
    expect(fresh(1, { noCapacity })).toBe('at-risk: no-capacity')
  })
})
