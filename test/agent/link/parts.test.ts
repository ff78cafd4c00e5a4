import { describe, expect, it } from 'vitest'
import { Backoff } from '../../../agent/link/backoff.ts'
import { chunked, chunkLimits } from '../../../agent/link/inventory-chunks.ts'
import { TermGuard } from '../../../agent/link/term-guard.ts'
import { DatabaseFacts } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'

describe('back-off', () => {
  it('stays between the first wait and the longest, whatever the dice', () => {
    const highest = new Backoff({ first: 500, longest: 30_000, random: () => 0.999 })
    const waits = Array.from({ length: 12 }, () => highest.next())
    expect(waits[0]).toBeLessThanOrEqual(1_500)
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000)
    expect(waits.at(-1)).toBeGreaterThan(29_000)
    highest.reset()
    expect(highest.next()).toBeLessThanOrEqual(1_500)
    const lowest = new Backoff({ first: 500, longest: 30_000, random: () => 0 })
    expect([lowest.next(), lowest.next(), lowest.next()]).toEqual([500, 500, 500])
  })
})

describe('the term guard (A4)', () => {
  it('refuses what is lower than it has seen, until the store is another one', () => {
    const guard = new TermGuard()
    expect(guard.welcome(5, 'inc_1')).toBe(true)
    expect(guard.accepts(4)).toBe(false)
    expect(guard.accepts(6)).toBe(true)
    expect(guard.accepts(5)).toBe(false)
    expect(guard.welcome(5, 'inc_1')).toBe(false)
    expect(guard.welcome(1, 'inc_2')).toBe(true)
    expect(guard.accepts(1)).toBe(true)
  })
})

describe('inventory chunks', () => {
  const database = (name: string): DatabaseFacts => ({ name, sizeBytes: 1, connectable: true, evidence: [] })

  it('an instance without databases is one empty chunk, so that it is told', () => {
    expect(chunked([])).toEqual([[]])
  })

  it('keep to both limits and lose nothing', () => {
    const many = Array.from({ length: 50_000 }, (_, index) => database(`db${index}`))
    const long = Array.from({ length: 2_000 }, (_, index) => database(`${index}${'ü'.repeat(1_000)}`))
    for (const list of [many, long]) {
      const chunks = chunked(list)
      expect(chunks.flat()).toEqual(list)
      for (const chunk of chunks) {
        expect(chunk.length).toBeLessThanOrEqual(chunkLimits.databases)
        const bytes = chunk.reduce((sum, each) => sum + DatabaseFacts.encode(each).finish().length, 0)
        expect(bytes).toBeLessThanOrEqual(chunkLimits.bytes)
      }
    }
  })

  it('a database larger than a chunk is sent by itself', () => {
    const huge = database('x'.repeat(chunkLimits.bytes + 1))
    expect(chunked([database('a'), huge, database('b')]).map(each => each.length)).toEqual([1, 1, 1])
  })
})
