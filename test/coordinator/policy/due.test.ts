import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dueSlot, nextDue } from '../../../coordinator/policy/index.ts'
import { policyNamed } from './policy-maker.ts'

const day = 86_400_000
const policy = policyNamed('daily')

describe('when the next backup is due', () => {
  it('at once when there never was one', () => {
    expect(nextDue({ policy, firstSeenAt: 5 })).toBe(5)
  })

  it('an interval after the moment the last data was true, not after the dump ended', () => {
    expect(nextDue({ policy, firstSeenAt: 5, lastDataAsOf: 1_000, lastAttemptAt: 900 })).toBe(1_000 + day)
  })

  it('after a job that failed finally: past the longest back-off, not a whole interval later', () => {
    expect(nextDue({ policy, firstSeenAt: 5, lastAttemptAt: 10_000 })).toBe(10_000 + 900_000)
    const failedAt = 1_000 + day + 60_000
    expect(nextDue({ policy, firstSeenAt: 5, lastDataAsOf: 1_000, lastAttemptAt: failedAt })).toBe(
      failedAt + 900_000,
    )
  })

  it('a failure long before the next one is due delays nothing', () => {
    expect(nextDue({ policy, firstSeenAt: 5, lastDataAsOf: 1_000, lastAttemptAt: 2_000 })).toBe(1_000 + day)
  })
})

describe('J9: the due slot', () => {
  it('is the same however often the same need is planned, and another for the next backup', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 60_000, max: 30 * day }),
        fc.integer({ min: 0, max: 2 ** 42 }),
        (every, lastDataAsOf) => {
          const one = policyNamed('p', { schedule: { kind: 'interval', every } })
          const first = nextDue({ policy: one, firstSeenAt: 0, lastDataAsOf })
          const again = nextDue({ policy: one, firstSeenAt: 0, lastDataAsOf })
          const next = nextDue({ policy: one, firstSeenAt: 0, lastDataAsOf: first })
          expect(dueSlot(one.schedule, first)).toBe(dueSlot(one.schedule, again))
          expect(dueSlot(one.schedule, next)).not.toBe(dueSlot(one.schedule, first))
        },
      ),
    )
  })

  it('names the interval, so that another promise is another slot', () => {
    expect(dueSlot({ kind: 'interval', every: day }, 3 * day + 1)).toBe('interval/86400000/3')
    expect(dueSlot({ kind: 'interval', every: 1_000 }, 3_500)).toBe('interval/1000/3')
  })
})
