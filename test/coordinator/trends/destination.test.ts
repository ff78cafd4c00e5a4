import { describe, expect, test } from 'vitest'
import { destinationCourse, storedIn } from '../../../coordinator/trends/index.ts'

const day = 86_400_000
const today = 20_000
const now = today * day + 5 * 3_600_000

/** So many bytes a day for so many days, the last of them today. */
function days(count: number, bytes: number) {
  return Array.from({ length: count }, (_, i) => ({ day: today - count + 1 + i, bytes, copies: 2 }))
}

describe('the course of a destination', () => {
  test('what lies there is all that came; growth is by the days that are over', () => {
    const course = destinationCourse(days(30, 1_000), now)
    expect(course).toMatchObject({ storedBytes: 30_000, copies: 60, growth: { perDay: 1_000, steady: true } })
    expect(course.points).toHaveLength(30)
    expect(course.points.at(-1)).toEqual({ at: today * day, storedBytes: 30_000 })
    expect(storedIn(course, 30)).toBe(60_000)
  })

  test('a day without a copy has what the day before had; what is older than 90 days counts, and is not shown', () => {
    const old = { day: today - 200, bytes: 500, copies: 1 }
    const course = destinationCourse([old, { day: today - 3, bytes: 7, copies: 1 }], now)
    expect(course.storedBytes).toBe(507)
    expect(course.points).toHaveLength(90)
    expect(course.points.slice(-5).map(each => each.storedBytes)).toEqual([500, 507, 507, 507, 507])
  })

  test('what is removed shrinks it; a forecast never falls below nothing', () => {
    const course = destinationCourse(
      [{ day: today - 40, bytes: 100_000, copies: 1 }, ...days(40, -2_000)],
      now,
    )
    expect(course).toMatchObject({ storedBytes: 20_000, growth: { perDay: -2_000 } })
    expect(storedIn(course, 90)).toBe(0)
  })

  test('too little is no growth and no forecast; nothing at all is nothing', () => {
    const course = destinationCourse(days(5, 10), now)
    expect(course).not.toHaveProperty('growth')
    expect(storedIn(course, 30)).toBeUndefined()
    expect(destinationCourse([], now)).toEqual({ storedBytes: 0, copies: 0, points: [] })
  })
})
