import { describe, expect, it } from 'vitest'
import { ReplayLag, tooHeavy } from '../../../../agent/engines/postgres/burden.ts'
import { ContentsReader, demandContents } from '../../../../agent/engines/postgres/contents.ts'
import { Patience } from '../../../../agent/engines/postgres/guard.ts'
import { lockVerdict } from '../../../../agent/engines/postgres/lock-slots.ts'
import {
  expectedTables,
  lockedRelations,
  qualified,
  type Relation,
  type SizedTable,
  sameRelations,
} from '../../../../agent/engines/postgres/relations.ts'
import { defaultStreams, planStreams } from '../../../../agent/engines/postgres/stream-plan.ts'

const relation = (oid: string, changes: Partial<Relation> = {}): Relation => ({
  oid,
  kind: 'r',
  schema: 'app',
  name: `t${oid}`,
  unlogged: false,
  member: false,
  config: false,
  readable: true,
  ...changes,
})

/** What `pg_restore -l` says of an archive with these tables. */
const contents = (oids: readonly string[], more = ''): ContentsReader => {
  const reader = new ContentsReader()
  const text = `;\n; Archive created at 2026-11-22\n;\n${oids.map(oid => `3; 0 ${oid} TABLE DATA app t${oid} me`).join('\n')}\n${more}\n`
  // in pieces that break lines
  for (let at = 0; at < text.length; at += 7) reader.read(Buffer.from(text.slice(at, at + 7)))
  return reader
}

describe('the account of a dump by streams (P2)', () => {
  const relations = [
    relation('1'),
    relation('2'),
    relation('3', { kind: 'p' }),
    relation('4', { kind: 'v' }),
    relation('5', { member: true }),
    relation('6', { member: true, config: true }),
    relation('7', { unlogged: true }),
  ]
  const demand = (
    streams: Record<string, ContentsReader>,
    role: 'primary' | 'replica' = 'primary',
    large = false,
  ) => demandContents(new Map(Object.entries(streams)), expectedTables(relations, role), large)

  it('refuses a table that stands in no stream, or in two, or that nobody knows', () => {
    expect(() => demand({ a: contents(['1', '7']) })).toThrow(
      expect.objectContaining({ code: 'dump.unaccounted', context: { missing: ['"app"."t2"'] } }),
    )
    expect(() => demand({ a: contents(['1', '7']), b: contents(['1', '2']) })).toThrow(
      expect.objectContaining({ context: { twice: ['"app"."t1"'] } }),
    )
    expect(() => demand({ a: contents(['1', '2', '7', '99']) })).toThrow(
      expect.objectContaining({ context: { unknown: ['oid 99'] } }),
    )
    expect(() => demand({ a: contents(['1', '2', '6', '7']), b: contents(['6']) })).toThrow(
      expect.objectContaining({ context: { twice: ['"app"."t6"'] } }),
    )
  })

  it('refuses a stream whose table of contents was not read, and large objects that are nowhere', () => {
    expect(() => demand({ a: contents(['1', '2', '7']), b: new ContentsReader() })).toThrow(
      expect.objectContaining({ context: { streams: ['b'] } }),
    )
    expect(() => demand({ a: contents(['1', '2', '7']) }, 'primary', true)).toThrow(
      expect.objectContaining({ context: { large_objects: 'missing' } }),
    )
    expect(() =>
      demand({ a: contents(['1', '2', '7'], '9; 0 0 BLOBS - BLOBS') }, 'primary', true),
    ).not.toThrow()
  })

  it('knows members of extensions, their configuration tables, and what a replica lacks', () => {
    expect(() => demand({ a: contents(['1']), b: contents(['2', '6', '7']) })).not.toThrow()
    expect(() => demand({ a: contents(['1', '2', '7']) })).not.toThrow()
    expect(() => demand({ a: contents(['1', '2']) }, 'replica')).not.toThrow()
  })
})

describe('the list that is taken before the locks and inside the snapshot', () => {
  it('differs by a table made, dropped, renamed, or made again under its name', () => {
    const before = [relation('1'), relation('2')]
    expect(sameRelations(before, [relation('1'), relation('2')])).toBe(true)
    expect(sameRelations(before, [relation('1')])).toBe(false)
    expect(sameRelations(before, [relation('1'), relation('2'), relation('3')])).toBe(false)
    expect(sameRelations(before, [relation('1'), relation('2', { name: 'other' })])).toBe(false)
    expect(sameRelations(before, [relation('1'), relation('3', { name: 't2' })])).toBe(false)
  })

  it('locks all that is dumped, views that may be read, and no member of an extension', () => {
    const { tables, views } = lockedRelations([
      relation('1'),
      relation('2', { kind: 'p' }),
      relation('3', { kind: 'v' }),
      relation('4', { kind: 'v', readable: false }),
      relation('5', { member: true }),
      relation('6', { member: true, config: true }),
    ])
    expect(tables.map(({ oid }) => oid)).toEqual(['1', '2', '6'])
    expect(views.map(({ oid }) => oid)).toEqual(['3'])
  })

  it('quotes both halves of a pattern, so that nothing in a name is a wildcard', () => {
    expect(qualified({ schema: 'Odd "S', name: '*?.b' })).toBe('"Odd ""S"."*?.b"')
  })
})

describe('which tables get a stream', () => {
  const table = (oid: number, bytes: number): SizedTable => ({
    oid: String(oid),
    schema: 's',
    name: `t${oid}`,
    bytes,
    sequences: [],
  })
  const megabytes = (...sizes: number[]) => sizes.map((size, index) => table(index + 1, size * 1e6))
  const plan = (sizes: number[], streams = 2, other = 0) =>
    planStreams(megabytes(...sizes), other * 1e6, { streams, sharedFrom: 256e6 })

  it('one archive for a small database, for one stream, and for one table that is all there is', () => {
    expect(plan([100, 100])).toBeUndefined()
    expect(plan([400, 400], 1)).toBeUndefined()
    expect(plan([2_000, 10, 10])).toBeUndefined()
    expect(plan([])).toBeUndefined()
    expect(plan([1], 2, 1_000)).toBeUndefined()
  })

  it('takes the largest out until the rest is a small share', () => {
    const shared = (sizes: number[], streams = 2) => plan(sizes, streams)?.shared.map(({ oid }) => oid)
    expect(shared([50, 400, 300, 200, 30, 20])).toEqual(['2', '3', '4'])
    expect(plan([50, 400, 300, 200, 30, 20])?.restBytes).toBe(100e6)
    expect(shared([100, 900])).toEqual(['2'])
    // a thousand small tables are the rest, whatever they come to
    expect(plan(Array.from({ length: 1_000 }, () => 1))).toBeUndefined()
  })

  it('leaves the server half of the cores', () => {
    expect([1, 2, 4, 8, 64].map(defaultStreams)).toEqual([1, 2, 2, 4, 4])
  })
})

describe('the lock table', () => {
  it('is filled to its half by streams, to its end by one archive, and never beyond', () => {
    const table = { slots: 7_808, inUse: 100 }
    expect(lockVerdict(3_000, table)).toBe('streams')
    expect(lockVerdict(4_000, table)).toBe('single')
    expect(lockVerdict(7_708, table)).toBe('single')
    // 10,000 tables on the defaults: one plain pg_dump fails there, and the application with it
    expect(lockVerdict(10_000, table)).toBe('refuse')
  })
})

describe('patience with what our sessions do to others (P6)', () => {
  const waiter = (pid: number) => ({ pid, wants: 'AccessExclusiveLock on app.t' })

  it('ends at the limit, counted for each session from its first sight', () => {
    const patience = new Patience(30_000)
    expect(patience.outOf([waiter(1)], 0)).toEqual([])
    expect(patience.outOf([waiter(1), waiter(2)], 20_000)).toEqual([])
    expect(patience.outOf([waiter(1), waiter(2)], 30_000)).toEqual([{ ...waiter(1), waitedMs: 30_000 }])
  })

  it('begins anew for a session that got its lock, and is endless at 0', () => {
    const patience = new Patience(30_000)
    patience.outOf([waiter(1)], 0)
    patience.outOf([], 20_000)
    expect(patience.outOf([waiter(1)], 40_000)).toEqual([])
    const endless = new Patience(0)
    endless.outOf([waiter(1)], 0)
    expect(endless.outOf([waiter(1)], 1e9)).toEqual([])
  })
})

describe('what a dump holds back (P6)', () => {
  const limits = { xminAge: 100, replayLag: 2_000, replayBacklog: 1_000 }

  it('measures a lag from when something was first received that is not yet replayed', () => {
    const lag = new ReplayLag()
    expect(lag.at({ received: 10, replayed: 10 }, 0)).toBe(0)
    expect(lag.at({ received: 20, replayed: 10 }, 1_000)).toBe(0)
    expect(lag.at({ received: 30, replayed: 10 }, 2_000)).toBe(1_000)
    // the first is replayed: what came second waits since it came
    expect(lag.at({ received: 30, replayed: 25 }, 3_000)).toBe(1_000)
    expect(lag.at({ received: 30, replayed: 30 }, 9_000)).toBe(0)
    // an idle primary is no lag
    expect(lag.at({ received: 30, replayed: 30 }, 90_000)).toBe(0)
    expect(lag.at({ received: 31, replayed: 30 }, 91_000)).toBe(0)
  })

  it.each([
    ['xmin_age_limit', { xminAge: 100 }, 0],
    ['replay_lag_limit', { xminAge: 0 }, 2_000],
    ['replay_backlog_limit', { xminAge: 0, replay: { received: 3_000, replayed: 2_000 } }, 0],
  ])('ends the dump at %s, not before, and names it', (setting, burden, lagMs) => {
    expect(tooHeavy(burden, lagMs, limits, 'shop')).toMatchObject({
      code: 'dump.holds-back',
      context: { database: 'shop', setting },
    })
    const higher = { xminAge: 101, replayLag: 2_001, replayBacklog: 1_001 }
    expect(tooHeavy(burden, lagMs, higher, 'shop')).toBeUndefined()
    expect(tooHeavy(burden, lagMs, { xminAge: 0, replayLag: 0, replayBacklog: 0 }, 'shop')).toBeUndefined()
  })
})
