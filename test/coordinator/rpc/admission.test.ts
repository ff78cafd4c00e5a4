import { describe, expect, test } from 'vitest'
import type { Principal } from '../../../coordinator/operations/index.ts'
import { Admission } from '../../../coordinator/rpc/admission.ts'
import { Bucket } from '../../../coordinator/rpc/bucket.ts'

const who = (name: string, over: Partial<Principal> = {}): Principal => ({
  ...{ kind: 'operator', name, roles: ['viewer'], scope: { kind: 'fleet' } },
  ...over,
})

function admission(calls = { rate: 2, burst: 3 }, streams = 2) {
  const time = { now: 0 }
  return { time, doors: new Admission({ calls, streams }, () => time.now) }
}

describe('how much one identity may ask', () => {
  test('a burst is let in, more is refused, time lets in again; nobody else notices', () => {
    const { doors, time } = admission()
    for (let n = 0; n < 3; n++) doors.enter(who('mallory'), '10.0.0.1:1')()
    expect(() => doors.enter(who('mallory'), '10.0.0.1:2')).toThrow(/faster than is allowed/)
    doors.enter(who('alice'), '10.0.0.1:3')()
    time.now = 500
    doors.enter(who('mallory'), '10.0.0.1:4')()
    expect(() => doors.enter(who('mallory'), '10.0.0.1:4')).toThrow(/faster/)
  })

  test('open ones are counted until they are over, each once', () => {
    const { doors } = admission({ rate: 1, burst: 100 })
    const leave = doors.enter(who('alice'), 'p')
    doors.enter(who('alice'), 'p')
    expect(() => doors.enter(who('alice'), 'p')).toThrow(/as many calls open/)
    leave()
    leave()
    doors.enter(who('alice'), 'p')
    expect(() => doors.enter(who('alice'), 'p')).toThrow(/as many calls open/)
  })

  test('whoever has no identity yet is counted by the address; agents by their own id', () => {
    const { doors } = admission({ rate: 1, burst: 1 })
    const newcomer = who('newcomer', { kind: 'agent', roles: ['newcomer'] })
    doors.enter(newcomer, '10.0.0.1:1')
    expect(() => doors.enter(newcomer, '10.0.0.1:2')).toThrow()
    doors.enter(newcomer, '10.0.0.2:1')
    const agent = (id: string) => who(id, { kind: 'agent', roles: ['agent'], agentId: id as never })
    doors.enter(agent('agt_a'), '10.0.0.3:1')
    doors.enter(agent('agt_b'), '10.0.0.3:1')
    expect(() => doors.enter(agent('agt_a'), '10.0.0.3:1')).toThrow()
  })

  test('identities that are idle are forgotten', () => {
    const { doors, time } = admission()
    for (let n = 0; n < 5_000; n++) {
      time.now += 10_000
      doors.enter(who(`operator-${n}`), 'p')()
    }
    expect(doors.size).toBeLessThan(1_100)
  })

  test('what is reserved beyond the burst is there later, in order', () => {
    const bucket = new Bucket({ rate: 10, burst: 2 }, 0)
    expect([0, 0, 0, 0].map(now => bucket.reserve(now))).toEqual([0, 0, 100, 200])
    expect(bucket.reserve(1_000)).toBe(0)
  })
})
