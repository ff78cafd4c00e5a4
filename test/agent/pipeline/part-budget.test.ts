import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PartBudget, type Reservation } from '../../../agent/pipeline/index.ts'
import { partSizeFor } from '../../../agent/pipeline/part-size.ts'

const never = new AbortController().signal
const mebibyte = 1024 * 1024
const s3 = {
  maxParts: 10_000,
  minPartSize: 5 * mebibyte,
  equalParts: false,
  checksum: 'sha256' as const,
  objectLock: false,
  maxPartSize: 5 * 1024 * mebibyte,
  conditionalPut: true,
}

describe('the part budget', () => {
  it('grants in the order of asking: a small one does not overtake a large one', async () => {
    const budget = new PartBudget(100)
    const first = await budget.reserve(60, never)
    const order: string[] = []
    const large = budget.reserve(80, never).then(held => {
      order.push('large')
      held.release()
    })
    const small = budget.reserve(10, never).then(held => {
      order.push('small')
      held.release()
    })
    await Promise.resolve()
    expect(order).toEqual([])
    first.release()
    await Promise.all([large, small])
    expect(order).toEqual(['large', 'small'])
  })

  it('lets the next one in when the one before it gives up waiting', async () => {
    const budget = new PartBudget(100)
    await budget.reserve(60, never)
    const controller = new AbortController()
    const large = budget.reserve(80, controller.signal)
    const small = budget.reserve(10, never)
    controller.abort()
    await expect(large).rejects.toMatchObject({ code: 'interrupted' })
    expect((await small).bytes).toBe(10)
  })

  it('grants more than it has only alone', async () => {
    const budget = new PartBudget(100)
    const giant = await budget.reserve(1_000, never)
    expect(giant.bytes).toBe(100)
    giant.release()
    giant.release()
    expect(budget.free).toBe(100)
  })

  it('has nothing to spare while somebody waits, or when too little is free', async () => {
    const budget = new PartBudget(100)
    const extra = budget.spare(40)
    expect(extra?.bytes).toBe(40)
    expect(budget.spare(61)).toBeUndefined()
    const waiting = budget.reserve(80, never)
    expect(budget.spare(1)).toBeUndefined()
    extra?.release()
    const held = await waiting
    expect(budget.free).toBe(20)
    held.release()
  })

  it('keeps buffers for the next stream, and lets them go when their room is reserved', async () => {
    const budget = new PartBudget(100)
    const held = await budget.reserve(60, never)
    const [one, other] = [Buffer.alloc(30, 'a'), Buffer.alloc(30, 'b')]
    budget.keep(one)
    budget.keep(other)
    held.release()
    expect(budget.kept(29)).toBeUndefined()
    expect(budget.kept(30)).toBe(one)
    const large = await budget.reserve(80, never)
    expect(budget.kept(30)).toBeUndefined()
    large.release()
  })

  it('is never overdrawn and serves everyone, whatever is asked and released', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 30 }), async sizes => {
        const budget = new PartBudget(100)
        const held: Reservation[] = []
        let served = 0
        const asked = sizes.map(size =>
          budget.reserve(size, never).then(reservation => {
            served++
            held.push(reservation)
            expect(budget.free).toBeGreaterThanOrEqual(0)
          }),
        )
        while (served < sizes.length) {
          await Promise.resolve()
          held.pop()?.release()
        }
        await Promise.all(asked)
        for (const reservation of held) reservation.release()
        expect(budget.free).toBe(100)
      }),
    )
  })
})

describe('the part size', () => {
  it('is between 8 and 64 MiB, whole MiB, and enough for the prediction in one object', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 42 }), predicted => {
        const size = partSizeFor(predicted, s3, 10 ** 10)
        expect(size % mebibyte).toBe(0)
        expect(size).toBeGreaterThanOrEqual(8 * mebibyte)
        expect(size).toBeLessThanOrEqual(64 * mebibyte)
        if (size < 64 * mebibyte && predicted > 0) expect(size * s3.maxParts).toBeGreaterThan(predicted)
      }),
    )
  })

  it('fits twice into the whole budget, but never falls below what the store takes', () => {
    expect(partSizeFor(2 ** 42, s3, 32 * mebibyte)).toBe(16 * mebibyte)
    expect(partSizeFor(0, s3, 2 * mebibyte)).toBe(5 * mebibyte)
  })
})
