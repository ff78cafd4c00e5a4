import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { ObjectSource } from '../../../../agent/pipeline/download/copy-sources.ts'
import { verifiedParts } from '../../../../agent/pipeline/download/verified-parts.ts'
import { PartBudget } from '../../../../agent/pipeline/index.ts'
import type { ObjectKey } from '../../../../shared/object-store/port.ts'

const partSize = 100
const never = new AbortController().signal
const whole = randomBytes(partSize * 8 + 7)
const parts = Array.from({ length: 9 }, (_, index) =>
  whole.subarray(index * partSize, (index + 1) * partSize),
)
const object = {
  key: 'data/object',
  size: String(whole.length),
  parts: parts.map(part => ({
    size: part.length,
    sha256: createHash('sha256').update(part).digest('hex'),
  })),
}

/** A store whose parts come when the test lets them. */
function gated(bytes: Buffer = whole) {
  const gates = parts.map(() => Promise.withResolvers<void>())
  const asked: number[] = []
  const store: ObjectSource = {
    head: async (key: ObjectKey) => ({ key, size: bytes.length }) as never,
    async *read(_key, options) {
      const { start = 0, end = 0, signal } = options ?? {}
      const index = start / partSize
      asked.push(index)
      const aborted = new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
      await Promise.race([gates[index]?.promise, aborted])
      yield bytes.subarray(start, end)
    },
    copySource: () => ({}) as never,
  }
  return { store, asked, open: (...indexes: readonly number[]) => indexes.map(at => gates[at]?.resolve()) }
}

async function taken(from: AsyncGenerator<Buffer>): Promise<Buffer> {
  const found: Buffer[] = []
  for await (const part of from) found.push(Buffer.from(part)) // only lent
  return Buffer.concat(found)
}

describe('verified parts', () => {
  it('keep their order when later ones arrive first, and read no more ahead than half of the budget spares', async () => {
    const budget = new PartBudget(partSize * 8)
    const held = await budget.reserve(2 * partSize, never)
    const { store, asked, open } = gated()
    const running = taken(verifiedParts([object], store, never, budget))
    // two of the stream's own and two to spare: four of eight must stay free
    await expect.poll(() => asked).toEqual([0, 1, 2])
    open(2, 1)
    await new Promise(setImmediate)
    expect(asked).toEqual([0, 1, 2])
    open(0, 3, 4, 5, 6, 7, 8)
    expect((await running).equals(whole)).toBe(true)
    expect(budget.free).toBe(6 * partSize)
    held.release()
  })

  it('are read four at once at most, and one after the other without a budget to spare', async () => {
    for (const [budget, expected] of [
      [new PartBudget(partSize * 1_000), [0, 1, 2, 3]],
      [new PartBudget(partSize * 2), [0]],
      [undefined, [0]],
    ] as const) {
      const held = await budget?.reserve(2 * partSize, never)
      const { store, asked, open } = gated()
      const running = taken(verifiedParts([object], store, never, budget))
      await expect.poll(() => asked.length).toBe(expected.length)
      await new Promise(setImmediate)
      expect(asked).toEqual(expected)
      open(0, 1, 2, 3, 4, 5, 6, 7, 8)
      expect((await running).equals(whole)).toBe(true)
      held?.release()
      expect(budget?.free).toBe(budget?.total)
    }
  })

  it('that are wrong are not passed on, nor anything behind them, though it was read before', async () => {
    const budget = new PartBudget(partSize * 100)
    const wrong = Buffer.from(whole)
    wrong[partSize * 2] = (wrong[partSize * 2] ?? 0) ^ 1
    const { store, open } = gated(wrong)
    open(0, 1, 2, 3, 4, 5, 6, 7, 8)
    const found: Buffer[] = []
    const running = (async () => {
      for await (const part of verifiedParts([object], store, never, budget)) found.push(Buffer.from(part))
    })()
    await expect(running).rejects.toMatchObject({ code: 'backup.corrupt', context: { part: 3 } })
    expect(Buffer.concat(found).equals(whole.subarray(0, 2 * partSize))).toBe(true)
    expect(budget.free).toBe(budget.total)
  })

  it('give back what they hold when nobody wants the rest', async () => {
    const budget = new PartBudget(partSize * 100)
    const { store, open } = gated()
    open(0)
    const reading = verifiedParts([object], store, never, budget)
    expect((await reading.next()).value.length).toBe(partSize)
    expect(budget.free).toBeLessThan(budget.total)
    await reading.return(undefined)
    expect(budget.free).toBe(budget.total)
  })
})
