import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backOff } from '../../../shared/discovery/back-off.ts'

test('waiting doubles from the first to the most, half of it by chance', () => {
  expect([1, 2, 3, 4, 5].map(failures => backOff(failures, 1_000, 8_000, 1))).toEqual([
    1_000, 2_000, 4_000, 8_000, 8_000,
  ])
  expect(backOff(3, 1_000, 8_000, 0)).toBe(2_000)
})

test('waiting is never shorter than half the first nor longer than the most', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.double({ min: 0, max: 1, noNaN: true }), (failures, dice) => {
      const wait = backOff(failures, 1_000, 60_000, dice)
      expect(wait).toBeGreaterThanOrEqual(500)
      expect(wait).toBeLessThanOrEqual(60_000)
    }),
  )
})
