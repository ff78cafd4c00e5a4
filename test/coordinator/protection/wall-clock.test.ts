import { describe, expect, it } from 'vitest'
import { judgeWall as judge, type WallWatch } from '../../../coordinator/protection/wall-clock.ts'

const judgeWall = (
  watch: WallWatch,
  now: Parameters<typeof judge>[1],
  offsets: readonly number[],
  patience: number,
) => judge(watch, now, () => offsets, patience)
const minute = 60_000
const hour = 60 * minute
const patience = 50_000
const t0 = 1_800_000_000_000
const base = { base: t0 }
const at = (mono: number, shift = 0) => ({ wall: t0 + mono + shift, mono })

describe('a wall clock', () => {
  it('is steady while it goes as the monotonic one does, and follows what is set right bit by bit', () => {
    expect(judgeWall(base, at(5_000), [], patience)).toMatchObject({ judgement: 'steady' })
    const first = judgeWall(base, at(5_000, 4 * minute), [], patience)
    expect(first).toMatchObject({ judgement: 'steady', watch: { base: t0 + 4 * minute } })
    expect(judgeWall(first.watch, at(10_000, 8 * minute), [], patience).judgement).toBe('steady')
  })

  it('that jumped is asked about first, then doubted as long as most agents see it off by the jump', () => {
    const jumped = judgeWall(base, at(5_000, hour), [0, 0, 0], patience)
    expect(jumped).toMatchObject({ judgement: 'asking', drift: hour, watch: { jumpedAt: 5_000 } })
    const later = (offsets: readonly number[]) => judgeWall(jumped.watch, at(60_000, hour), offsets, patience)
    expect(later([hour, hour + 900, 0]).judgement).toBe('doubted')
    expect(later([0, 300, hour]).judgement).toBe('steady')
    // off by something else is no witness
    expect(later([9 * hour, 9 * hour]).judgement).toBe('steady')
    expect(later([]).judgement).toBe('steady')
  })

  it('is believed at once when it is back', () => {
    const doubted = judgeWall({ ...base, jumpedAt: 0 }, at(60_000, -hour), [-hour], patience)
    expect(doubted.judgement).toBe('doubted')
    expect(judgeWall(doubted.watch, at(70_000), [-hour], patience).judgement).toBe('steady')
  })
})
