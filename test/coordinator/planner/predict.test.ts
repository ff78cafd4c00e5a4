import { describe, expect, it } from 'vitest'
import { predict } from '../../../coordinator/planner/index.ts'

describe('a predicted duration', () => {
  it('without history is twice what the engine promises, and pessimistic about that', () => {
    expect(predict({ engine: 'postgres', sizeBytes: 8e9 })).toEqual({ p50: 205_000, p90: 410_000 })
    expect(predict({ engine: 'mariadb', sizeBytes: 0 })).toEqual({ p50: 5_000, p90: 10_000 })
  })

  it('is the last one where there is one, whatever the size says', () => {
    expect(predict({ engine: 'postgres', sizeBytes: 8e12, lastDurationMs: 60_000 })).toEqual({
      p50: 60_000,
      p90: 95_000,
    })
  })
})
