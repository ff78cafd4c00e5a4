import { describe, expect, test } from 'vitest'
import { Lead, type Reign } from '../../../coordinator/operations/lead.ts'
import type { Leadership } from '../../../coordinator/store/index.ts'
import { type Clock, systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { waitUntil } from '../../harness/index.ts'

const times = { leaderStale: 1_000, leaderRenew: 20, leaderMargin: 200 }

/** Leadership the test gives and takes. */
class FakeLeadership implements Leadership {
  term: number | undefined
  free = true
  renewal: () => Promise<boolean> = () => Promise.resolve(true)
  acquired = 0

  tryAcquire(): Promise<number | undefined> {
    if (this.free) this.term = ++this.acquired
    return Promise.resolve(this.free ? this.term : undefined)
  }

  renew(): Promise<boolean> {
    return this.renewal()
  }

  release(): Promise<void> {
    this.term = undefined
    return Promise.resolve()
  }
}

function leading(leadership: FakeLeadership, clock: Clock = systemClock) {
  const reigns: Reign[] = []
  const events: string[] = []
  const lead = new Lead({
    leadership,
    clock,
    log: silentLog,
    holder: 'test',
    times,
    begin: async reign => {
      reigns.push(reign)
      reign.signal.addEventListener('abort', () => events.push('aborted'), { once: true })
      return {
        close: async () => {
          events.push('closed')
        },
      }
    },
  })
  return { lead, reigns, events, [Symbol.asyncDispose]: () => lead.close() }
}

describe('leadership', () => {
  test('a standby begins nothing until the row is free', async () => {
    const leadership = new FakeLeadership()
    leadership.free = false
    await using world = leading(leadership)
    const asked = { count: 0 }
    const acquire = leadership.tryAcquire.bind(leadership)
    leadership.tryAcquire = () => {
      asked.count++
      return acquire()
    }
    await waitUntil(() => asked.count > 2, { what: 'some tries' })
    expect(world.reigns).toEqual([])
    leadership.free = true
    await waitUntil(() => world.reigns.length === 1, { what: 'a term' })
  })

  test('deposed: the term is aborted first, then closed, and leadership is sought again', async () => {
    const leadership = new FakeLeadership()
    await using world = leading(leadership)
    await waitUntil(() => world.reigns.length === 1, { what: 'a term' })
    leadership.renewal = () => Promise.resolve(false)
    await waitUntil(() => world.events.length >= 2, { what: 'the end of the term' })
    expect(world.events.slice(0, 2)).toEqual(['aborted', 'closed'])
    leadership.renewal = () => Promise.resolve(true)
    await waitUntil(() => world.reigns.length > 1 && world.reigns.at(-1)?.leads(), { what: 'another term' })
  })

  test('A4: a renewal that never answers: it steps down by its own clock before it could be taken over', async () => {
    const leadership = new FakeLeadership()
    leadership.renewal = () => new Promise<boolean>(() => {})
    await using world = leading(leadership)
    await waitUntil(() => world.reigns.length === 1, { what: 'a term' })
    await waitUntil(() => world.events.includes('aborted'), { what: 'the step down', timeout: 5_000 })
    expect(world.reigns[0]?.leads()).toBe(false)
    await waitUntil(() => world.events.includes('closed'), { what: 'the term to be closed' })
  })

  test('A4: a leader that slept through its time may not speak, even before any timer of it fires', async () => {
    let slept = 0
    const clock: Clock = {
      now: () => ({ wall: systemClock.now().wall + slept, mono: systemClock.now().mono + slept }),
      sleep: systemClock.sleep,
    }
    const leadership = new FakeLeadership()
    await using world = leading(leadership, clock)
    await waitUntil(() => world.reigns.length === 1, { what: 'a term' })
    const [reign] = world.reigns
    expect(reign?.leads()).toBe(true)
    slept = 60_000
    // the very first question after waking
    expect(reign?.leads()).toBe(false)
    expect(world.events).toContain('aborted')
  })

  test('a store that fails for less than the margin costs no term', async () => {
    const leadership = new FakeLeadership()
    await using world = leading(leadership)
    await waitUntil(() => world.reigns.length === 1, { what: 'a term' })
    let failures = 0
    leadership.renewal = () => (++failures < 5 ? Promise.reject(new Error('away')) : Promise.resolve(true))
    await waitUntil(() => failures > 8, { what: 'renewals after the failure' })
    expect(world.reigns).toHaveLength(1)
    expect(world.reigns[0]?.leads()).toBe(true)
  })
})
