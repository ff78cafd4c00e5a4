import { describe, expect, test } from 'vitest'
import { isCloneOver } from '../../../../coordinator/alerts/rules/clone-over.ts'

const day = 86_400_000
const quiet = 600_000

describe('a clone is over', () => {
  test('not while the agent was not let in again, until it was not seen for a day', () => {
    expect(isCloneOver({ refusedAt: 0 }, quiet, day - 1)).toBe(false)
    expect(isCloneOver({ refusedAt: 0 }, quiet, day)).toBe(true)
  })

  test('not by being let in alone: a clone is let in, too, while its agent is away', () => {
    expect(isCloneOver({ refusedAt: 0, admittedAt: day - quiet }, quiet, day - quiet)).toBe(false)
    expect(isCloneOver({ refusedAt: 0, admittedAt: 1_000 }, quiet, 1_000 + quiet - 1)).toBe(false)
  })

  test('once the agent was let in and nobody else claimed to be it for long enough', () => {
    expect(isCloneOver({ refusedAt: 0, admittedAt: 1_000 }, quiet, 1_000 + quiet)).toBe(true)
  })
})
