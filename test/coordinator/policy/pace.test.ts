import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pace, withPace } from '../../../coordinator/policy/index.ts'
import { policyNamed } from './policy-maker.ts'

const hour = 3_600_000
const day = 24 * hour

describe('how often, from promise and size', () => {
  test('a small database has a quarter of its promise left when it is due again', () => {
    expect(pace(24 * hour, 60_000, 900_000)).toBe(18 * hour)
  })

  test('a large one is due early enough to fail at its end and be made anew', () => {
    expect(pace(24 * hour, 6 * hour, 0)).toBe(12 * hour)
  })

  test('one that takes half of it is backed up all the time, but keeps it; one that takes more is not hurried', () => {
    expect(pace(24 * hour, 12 * hour, 0)).toBe(12 * hour)
    expect(pace(24 * hour, 30 * hour, 0)).toBe(18 * hour)
  })

  test('whatever the promise: between a quarter and three, and in time where that can be', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 90 * day }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (rpo, part) => {
          const takes = Math.floor(rpo * part)
          const every = pace(rpo, takes, 0)
          expect(every).toBeGreaterThanOrEqual(Math.floor(rpo / 4))
          expect(every).toBeLessThanOrEqual(Math.ceil((rpo * 3) / 4))
          if (part <= 0.5) expect(every + takes).toBeLessThanOrEqual(rpo + 1)
        },
      ),
    )
  })

  test('only a policy that asks for it is paced, and a second more does not make another schedule', () => {
    const fixed = policyNamed('p')
    expect(withPace(fixed, () => hour)).toBe(fixed)
    const auto = policyNamed('p', { rpo: day, schedule: { kind: 'auto', every: day } })
    const paced = withPace(auto, () => 6 * hour + 1_000)
    expect(paced.schedule).toEqual({ kind: 'auto', every: 10.5 * hour })
    expect(withPace(auto, () => 6 * hour + 2_000)).toBe(paced)
  })
})
