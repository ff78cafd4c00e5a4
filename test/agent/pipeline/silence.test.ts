import { describe, expect, it } from 'vitest'
import { Silence, silentStage } from '../../../agent/pipeline/silence.ts'

const record = (name: string, pid: number) => ({ name, pid, startTime: '1', bootId: 'b' })

describe('a silent stream', () => {
  it('is silent only while somebody waits for it: a slow store is not the fault of the dump', () => {
    const silence = new Silence(0)
    expect(silence.lasts(500)).toBe(500)
    silence.busy()
    expect(silence.lasts(60_000)).toBe(0)
    silence.heard(60_000)
    expect(silence.lasts(60_100)).toBe(100)
  })

  it('names the producer when all behind it have read what there was', () => {
    const io = new Map([
      [3, { read: 1_000_000, written: 200_000 }],
      [4, { read: 210_000, written: 200_100 }],
    ])
    const records = [record('age', 4), record('zstd', 3), record('meter', 2), record('pg_dump', 1)]
    const stages = ['pg_dump', 'meter', 'zstd', 'age']
    const about = { name: 'meter', bytes: 1_000_000, stuck: false }
    expect(silentStage(stages, records, about, pid => io.get(pid))).toBe('pg_dump')
    io.set(3, { read: 900_000, written: 0 })
    expect(silentStage(stages, records, about, pid => io.get(pid))).toBe('zstd')
    io.set(3, { read: 1_000_000, written: 300_000 })
    expect(silentStage(stages, records, about, pid => io.get(pid))).toBe('age')
    expect(silentStage(stages, records, about, () => undefined)).toBe('pg_dump')
    // both leave something lying there: the one behind is why the one before stopped
    io.set(3, { read: 900_000, written: 300_000 })
    expect(silentStage(stages, records, about, pid => io.get(pid))).toBe('age')
    // the meter counts no more: it is stuck with bytes nobody takes
    io.set(3, { read: 1_000_000, written: 200_000 })
    expect(silentStage(stages, records, { ...about, stuck: true }, pid => io.get(pid))).toBe('zstd')
  })
})
