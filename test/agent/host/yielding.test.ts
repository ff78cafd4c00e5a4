import { describe, expect, test } from 'vitest'
import type { HostReading } from '../../../agent/host/host-watch.ts'
import { Yielder } from '../../../agent/host/yielder.ts'
import { notYielding, rateAt, type Yielding, yieldingAfter } from '../../../agent/host/yielding.ts'
import { Throttle } from '../../../agent/pipeline/throttle.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'

const mib = 1024 * 1024
const limits = { cpu: 0, memory: 30, io: 80, loadPerCore: 0, floor: 8 * mib }
const never = new AbortController().signal

function reading(io: number | undefined, over: Partial<HostReading> = {}): HostReading {
  return {
    disks: [],
    links: [],
    pressure: io === undefined ? undefined : { cpu: 99, memory: 0, io },
    load1: 50,
    cores: 2,
    memoryAvailableBytes: 0,
    ...over,
  }
}

const looked = (...looks: readonly (number | undefined)[]) =>
  looks.reduce<Yielding>((former, io) => yieldingAfter(former, reading(io), limits), notYielding)

describe('how far an agent stands back', () => {
  test('a level further with each look under pressure, to a sixteenth and no further', () => {
    expect(looked(79)).toEqual(notYielding)
    expect(looked(81)).toEqual({ level: 1, why: 'io pressure 81% (limit 80%)' })
    expect(looked(81, 90).level).toBe(2)
    expect(looked(...Array.from({ length: 9 }, () => 100)).level).toBe(4)
  })

  test('and comes forward a level at a time, only when the pressure is well below the limit', () => {
    expect(looked(90, 90, 75).level).toBe(2)
    expect(looked(90, 90, 60).level).toBe(1)
    expect(looked(90, 90, 60, 60)).toEqual(notYielding)
  })

  test('pressure that nobody tells presses nobody: unknown is not none, and not much', () => {
    expect(looked(undefined)).toEqual(notYielding)
    expect(looked(90, undefined)).toEqual(notYielding)
  })

  test('for what has a limit only', () => {
    expect(yieldingAfter(notYielding, reading(0), { ...limits, io: 0 }).level).toBe(0)
    expect(yieldingAfter(notYielding, reading(0), { ...limits, cpu: 95 }).why).toContain('cpu pressure 99%')
    expect(yieldingAfter(notYielding, reading(0), { ...limits, loadPerCore: 4 }).why).toBe(
      'load per core 25.0 (limit 4)',
    )
  })

  test('half the rate a level, never below the floor, never above what is configured', () => {
    expect(rateAt(0, 100 * mib, 50 * mib, 0)).toBe(50 * mib)
    expect(rateAt(1, 100 * mib, undefined, 8 * mib)).toBe(50 * mib)
    expect(rateAt(4, 100 * mib, undefined, 8 * mib)).toBe(8 * mib)
    expect(rateAt(1, 100 * mib, 20 * mib, 8 * mib)).toBe(20 * mib)
    expect(rateAt(4, 0, undefined, 0)).toBeGreaterThanOrEqual(mib)
  })
})

describe('an agent under pressure', () => {
  function standing() {
    const time = { mono: 0 }
    const clock = { ...systemClock, now: () => ({ wall: 0, mono: time.mono }) }
    const throttle = new Throttle(undefined, clock)
    const yielder = new Yielder({ throttle, limits, clock, log: silentLog })
    const look = (io: number) => {
      time.mono += 5_000
      yielder.look(reading(io))
    }
    return { time, throttle, yielder, look }
  }

  test('halves what it stored a second, says why, and is as fast as before when it is over', async () => {
    const { throttle, yielder, look } = standing()
    await throttle.take(500 * mib, never)
    look(95)
    expect(throttle.rate).toBe(50 * mib)
    expect(yielder.now.why).toContain('io pressure')
    look(95)
    expect(throttle.rate).toBe(25 * mib)
    look(10)
    look(10)
    expect(throttle.rate).toBeUndefined()
    expect(yielder.now).toEqual(notYielding)
  })

  test('counts how long it stood back, over several times', () => {
    const { time, yielder, look } = standing()
    look(95)
    time.mono += 1_000
    expect(yielder.yieldedMs).toBe(1_000)
    look(10)
    expect(yielder.yieldedMs).toBe(6_000)
    time.mono += 60_000
    expect(yielder.yieldedMs).toBe(6_000)
    look(95)
    time.mono += 500
    expect(yielder.yieldedMs).toBe(6_500)
  })

  test('lets no further stream begin until it is over', async () => {
    const { yielder, look } = standing()
    expect(yielder.room()).toBeUndefined()
    look(95)
    const room = yielder.room()
    let free = false
    const told = room?.then(() => {
      free = true
    })
    look(95)
    await Promise.resolve()
    expect(free).toBe(false)
    look(10)
    look(10)
    await told
    expect(free).toBe(true)
    expect(yielder.room()).toBeUndefined()
  })
})
