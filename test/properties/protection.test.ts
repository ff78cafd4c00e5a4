import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gapReasons, type ProtectionInput, protectionOf } from '../../coordinator/protection/index.ts'

const time = fc.integer({ min: 0, max: 2 ** 40 })
const span = fc.integer({ min: 1, max: 2 ** 32 })
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const input: fc.Arbitrary<ProtectionInput> = fc
  .record({
    now: time,
    policy: fc.record({ rpo: span }),
    interval: span,
    firstSeenAt: time,
    lastDataAsOf: maybe(time),
    goneSince: fc.option(time, { nil: undefined, freq: 20 }),
    connectable: fc.boolean(),
    consecutiveFailures: fc.nat({ max: 3 }),
    jobOpen: fc.boolean(),
    instanceGap: maybe(fc.record({ code: fc.constantFrom(...gapReasons), detail: fc.string() })),
    withPolicy: fc.boolean(),
  })
  .map(({ policy, interval, withPolicy, lastDataAsOf, goneSince, instanceGap, ...rest }) => ({
    ...rest,
    ...(withPolicy ? { policy } : {}),
    ...(lastDataAsOf === undefined ? {} : { lastDataAsOf, dueAt: lastDataAsOf + interval }),
    ...(goneSince === undefined ? {} : { goneSince }),
    ...(instanceGap === undefined ? {} : { instanceGap }),
  }))

const always = (claim: (input: ProtectionInput) => void) =>
  fc.assert(fc.property(input, claim), { numRuns: 3_000 })

describe('P1: whatever is known of a database', () => {
  it('a broken promise is reported as breached and nothing else, a kept one never', () => {
    always(each => {
      const { policy, lastDataAsOf, firstSeenAt, now, goneSince } = each
      const broken =
        policy !== undefined && goneSince === undefined && now - (lastDataAsOf ?? firstSeenAt) > policy.rpo
      expect(protectionOf(each).state === 'breached').toBe(broken)
    })
  })

  it('protected means a good backup inside the RPO', () => {
    always(each => {
      if (protectionOf(each).state !== 'protected') return
      expect(each.lastDataAsOf).toBeDefined()
      expect(each.now - (each.lastDataAsOf ?? Number.NaN)).toBeLessThanOrEqual(each.policy?.rpo ?? Number.NaN)
    })
  })

  it('what is not protected has a reason of the closed list, what is has none', () => {
    always(each => {
      const { state, reason } = protectionOf(each)
      if (state === 'protected') expect(reason).toBe('')
      else expect(gapReasons).toContain(reason)
    })
  })

  it('time alone never makes it better', () => {
    const rank = { protected: 0, due: 1, 'at-risk': 2, unprotected: 2, breached: 3 }
    fc.assert(
      fc.property(input, fc.nat({ max: 2 ** 33 }), (each, later) => {
        const now = protectionOf(each)
        const then = protectionOf({ ...each, now: each.now + later })
        expect(rank[then.state]).toBeGreaterThanOrEqual(rank[now.state])
        expect(then.deadline).toBe(now.deadline)
        expect(then.dueAt).toBe(now.dueAt)
      }),
      { numRuns: 3_000 },
    )
  })

  it('time alone changes the detail only with state or reason: looking at the clock writes nothing', () => {
    fc.assert(
      fc.property(input, fc.nat({ max: 2 ** 20 }), (each, later) => {
        const now = protectionOf(each)
        const then = protectionOf({ ...each, now: each.now + later })
        if (then.state === now.state && then.reason === now.reason) expect(then).toEqual(now)
      }),
      { numRuns: 3_000 },
    )
  })

  it('a newer good backup never makes it worse', () => {
    const rank = { protected: 0, due: 1, 'at-risk': 2, unprotected: 3, breached: 4 }
    fc.assert(
      fc.property(input, fc.nat({ max: 2 ** 33 }), (each, newer) => {
        if (each.lastDataAsOf === undefined) return
        const better = protectionOf({ ...each, lastDataAsOf: each.lastDataAsOf + newer })
        expect(rank[better.state]).toBeLessThanOrEqual(rank[protectionOf(each).state])
      }),
      { numRuns: 3_000 },
    )
  })
})
