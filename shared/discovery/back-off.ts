import type { Duration } from '../time/index.ts'

/**
 * How long to wait before asking again: doubling from `first` to `most`, the upper half of it by chance, so
 * that a fleet of askers does not come back in step.
 * @param failures failures in a row, from 1
 * @param dice a number in [0, 1)
 */
export function backOff(failures: number, first: Duration, most: Duration, dice: number): Duration {
  const full = Math.min(most, first * 2 ** Math.min(30, Math.max(0, failures - 1)))
  return Math.round(full / 2 + (full / 2) * dice)
}
