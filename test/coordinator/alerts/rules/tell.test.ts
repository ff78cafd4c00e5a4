import { describe, expect, it } from 'vitest'
import { type AlertRules, alertRules } from '../../../../coordinator/alerts/index.ts'
import { clockIsOff } from '../../../../coordinator/alerts/rules/clock-offset.ts'
import { judgeSites } from '../../../../coordinator/alerts/rules/dead-site.ts'
import {
  judgeDestination,
  type StoreOutcome,
} from '../../../../coordinator/alerts/rules/destination-health.ts'
import { diskIsLow } from '../../../../coordinator/alerts/rules/disk-low.ts'
import { longRun } from '../../../../coordinator/alerts/rules/long-running.ts'
import { quietUntil } from '../../../../coordinator/alerts/rules/quiet-hours.ts'
import { channelsFor } from '../../../../coordinator/alerts/rules/route.ts'
import { sizeAnomaly } from '../../../../coordinator/alerts/rules/size-anomaly.ts'
import { noFamily, tell } from '../../../../coordinator/alerts/rules/tell.ts'
import type { AlertRecord, SilenceRecord } from '../../../../coordinator/store/records.ts'

const now = Date.UTC(2026, 10, 2, 12)
const hour = 3_600_000
const alert = (over: Partial<AlertRecord> = {}): AlertRecord =>
  ({
    id: 'alr_1',
    dedupKey: 'breach/dbs_1',
    kind: 'rpo-breach',
    severity: 'warning',
    summary: 'x',
    facts: {},
    state: 'open',
    openedAt: now - hour,
    channels: [],
    labels: { service: ['orders'], database: ['orders_eu'] },
    ...over,
  }) as AlertRecord
const rules = (over: Partial<AlertRules> = {}) => alertRules({ channels: ['a', 'b'], ...over })
const told = (
  given: AlertRecord,
  with_: AlertRules = rules(),
  silences: readonly SilenceRecord[] = [],
  before = given.severity,
) => tell(given, noFamily, before, with_, silences, now)
const silence = (selector: SilenceRecord['selector'], endsAt = now + hour) =>
  ({ id: 'sil_1', selector, reason: 'x', by: 'me', createdAt: now, endsAt }) as SilenceRecord

describe('who is told of an open alert', () => {
  it.each([
    ['nobody, when another explains it', alert({ parentKey: 'agent-silent/x' }), 'explained', undefined],
    ['nobody, while it is held', alert({ heldUntil: now + 5 }), 'held', now + 5],
    ['nobody, while it is calm', alert({ calmSince: now - hour }), 'calm', now + 5 * hour],
    ['whoever was not, once', alert(), 'told', now + 24 * hour],
    [
      'nobody again, until a reminder is due',
      alert({ channels: ['a', 'b'], toldAt: now - hour }),
      'known',
      now + 23 * hour,
    ],
    [
      'nobody again, when somebody looks after it',
      alert({ channels: ['a', 'b'], toldAt: now - 99 * hour, ack: { by: 'me', at: now, reason: '' } }),
      'known',
      undefined,
    ],
  ])('%s', (_, given, why, lookAt) => {
    const telling = told(given)
    expect([telling.why, telling.lookAt]).toEqual([why, lookAt])
  })

  it('a reminder after its time; an update at once when it got worse, also when it was looked after', () => {
    const known = { channels: ['a', 'b'], toldAt: now - 24 * hour }
    expect(told(alert(known)).messages.map(each => each.event)).toEqual(['reminder', 'reminder'])
    const worse = alert({
      ...known,
      toldAt: now - 1,
      severity: 'critical',
      ack: { by: 'me', at: 1, reason: '' },
    })
    expect(told(worse, rules(), [], 'warning').messages.map(each => each.event)).toEqual([
      'updated',
      'updated',
    ])
  })

  it('nobody of what a silence matches, by any of its patterns and all of its keys, until it ends', () => {
    expect(
      told(alert(), rules(), [silence({ service: ['shop', 'ord*'], kind: ['rpo-breach'] })]),
    ).toMatchObject({ why: 'silenced', lookAt: now + hour })
    expect(told(alert(), rules(), [silence({ service: ['ord*'], kind: ['job-failed'] })]).why).toBe('told')
    expect(told(alert(), rules(), [silence({ host: ['*'] })]).why).toBe('told')
    expect(told(alert(), rules(), [silence({ service: ['*'] }, now)]).why).toBe('told')
  })

  it('nobody in quiet hours but of what gets through', () => {
    const quiet = rules({
      quietHours: { zone: 'UTC', from: 11 * 60, to: 13 * 60, days: [], through: 'critical' },
    })
    expect(told(alert(), quiet)).toEqual({ why: 'quiet', messages: [], lookAt: now + hour })
    expect(told(alert({ severity: 'critical' }), quiet).why).toBe('told')
  })

  it('those of every route that matches, each once', () => {
    const routed = rules({
      routes: [
        { match: {}, minSeverity: 'critical', channels: ['b'] },
        { match: { service: ['orders'], database: ['orders*'] }, minSeverity: 'warning', channels: ['a'] },
        { match: { destination: ['*'] }, minSeverity: 'info', channels: ['b'] },
      ],
    })
    expect(channelsFor(alert(), routed)).toEqual(['a'])
    expect(channelsFor(alert({ severity: 'critical' }), routed)).toEqual(['a', 'b'])
    expect(told(alert({ severity: 'info' }), routed)).toEqual({ why: 'nobody', messages: [] })
  })
})

describe('quiet hours', () => {
  const berlin = { zone: 'Europe/Berlin', from: 22 * 60, to: 7 * 60, days: [], through: 'critical' } as const
  it.each([
    ['21:59 in winter is not quiet', Date.UTC(2026, 10, 2, 20, 59), undefined],
    ['22:00 is, until seven', Date.UTC(2026, 10, 2, 21), Date.UTC(2026, 10, 3, 6)],
    ['over the night the clock is put forward', Date.UTC(2026, 2, 28, 22), Date.UTC(2026, 2, 29, 5)],
    ['over the night it is put back', Date.UTC(2026, 9, 24, 21), Date.UTC(2026, 9, 25, 6)],
  ])('%s', (_, at, until) => {
    expect(quietUntil(berlin, at)).toBe(until)
  })

  it('a quiet day joins the nights around it', () => {
    const sunday = { ...berlin, days: ['sun'] as const }
    expect(quietUntil(sunday, Date.UTC(2026, 10, 7, 22))).toBe(Date.UTC(2026, 10, 9, 6))
  })
})

describe('facts that need a look at many', () => {
  it('a site is dead when most of its agents fell silent together, and back when half of them are heard', () => {
    const agents = (silent: readonly number[]) =>
      Array.from({ length: 10 }, (_, i) => ({
        agentId: `agt_${i}`,
        site: 'ams',
        ...(silent[i] === undefined ? {} : { silentSince: silent[i] }),
      }))
    const site = alertRules().site
    expect(judgeSites(agents(Array(7).fill(now)), new Set(), site)).toEqual([])
    expect(judgeSites(agents(Array(8).fill(now)), new Set(), site)).toMatchObject([
      { site: 'ams', dead: true, silent: 8 },
    ])
    // one by one over weeks is no dead site
    expect(judgeSites(agents(Array.from({ length: 9 }, (_, i) => now - i * hour)), new Set(), site)).toEqual(
      [],
    )
    expect(judgeSites(agents(Array(5).fill(now)), new Set(['ams']), site)).toEqual([])
    expect(judgeSites(agents(Array(4).fill(now)), new Set(['ams']), site)).toMatchObject([{ dead: false }])
  })

  it('a destination fails when several databases fail there and no more succeed; it is well once something is stored again', () => {
    const rule = alertRules().destination
    const bad = (n: number, at = now): StoreOutcome => ({
      subject: `dbs_${n}`,
      at,
      code: 'object-store.failed',
    })
    const good = (n: number, at = now): StoreOutcome => ({ subject: `dbs_${n}`, at })
    expect(judgeDestination([bad(1), bad(1), bad(2)], rule, now).kind).toBe('unknown')
    expect(judgeDestination([bad(1), bad(2), bad(3)], rule, now)).toMatchObject({
      kind: 'failing',
      databases: 3,
    })
    expect(
      judgeDestination([good(4), good(5), good(6), good(7), bad(1), bad(2), bad(3)], rule, now).kind,
    ).toBe('unknown')
    expect(judgeDestination([bad(1), bad(2), bad(3), good(1, now + 1)], rule, now + 1).kind).not.toBe('well')
    expect(judgeDestination([bad(1), bad(2), bad(3), good(1, now + 1)], rule, now + 700_000).kind).toBe(
      'well',
    )
    expect(judgeDestination([bad(1), bad(2), bad(3)], rule, now + 24 * hour).kind).toBe('unknown')
  })

  it('a long run and an unusual size are told against the database’s own history, never without one', () => {
    const usual = [60, 62, 58, 61, 60].map(each => each * 60_000)
    expect(longRun(99 * hour, usual.slice(1), alertRules().longRunning)).toBeUndefined()
    expect(longRun(2.9 * hour, usual, alertRules().longRunning)).toBeUndefined()
    expect(longRun(3.1 * hour, usual, alertRules().longRunning)).toMatchObject({ usual: hour })
    // a policy's own: so many times the median, or a time that needs no history
    const rule = alertRules().longRunning
    expect(longRun(3.1 * hour, usual, rule, { factor: 5 })).toBeUndefined()
    expect(longRun(5.1 * hour, usual, rule, { factor: 5 })).toMatchObject({ usual: hour, limit: 5 * hour })
    expect(longRun(2 * hour, usual, rule, { after: 90 * 60_000 })).toEqual({ usual: hour, limit: 1.5 * hour })
    expect(longRun(2 * hour, undefined, rule, { after: 90 * 60_000 })).toEqual({ limit: 1.5 * hour })
    expect(longRun(9 * hour, usual, rule, { after: 10 * hour })).toBeUndefined()
    const gib = 2 ** 30
    const before = { rawBytes: Array(6).fill(gib), storedBytes: Array(6).fill(gib / 4) }
    const size = (raw: number, stored = raw / 4) =>
      sizeAnomaly({ rawBytes: raw, storedBytes: stored }, before, alertRules().size)
    expect(size(0.6 * gib)).toBeUndefined()
    expect(size(0.4 * gib)).toMatchObject({ what: 'shrank', severity: 'warning' })
    expect(size(0)).toMatchObject({ what: 'shrank', severity: 'critical' })
    expect(size(4 * gib)).toMatchObject({ what: 'jumped' })
    expect(size(gib, gib)).toMatchObject({ what: 'ratio' })
    expect(
      sizeAnomaly(
        { rawBytes: 1, storedBytes: 1 },
        { rawBytes: [gib], storedBytes: [gib] },
        alertRules().size,
      ),
    ).toBeUndefined()
  })

  it('a disk at the limit does not come and go; one of unknown size is never low', () => {
    const disk = { totalBytes: 1_000, freeBytes: 50, reserveBytes: 0 }
    expect(diskIsLow(disk, 0.05, false)).toBe(false)
    expect(diskIsLow({ ...disk, freeBytes: 49 }, 0.05, false)).toBe(true)
    expect(diskIsLow({ ...disk, freeBytes: 74 }, 0.05, true)).toBe(true)
    expect(diskIsLow({ ...disk, freeBytes: 75 }, 0.05, true)).toBe(false)
    // what the agent leaves free itself: staging stands still below it
    expect(diskIsLow({ ...disk, freeBytes: 199, reserveBytes: 200 }, 0.05, false)).toBe(true)
    expect(diskIsLow({ ...disk, freeBytes: 501, reserveBytes: 9_000 }, 0.05, false)).toBe(false)
    expect(diskIsLow({ totalBytes: 0, freeBytes: 0, reserveBytes: 5 }, 0.05, false)).toBe(false)
    expect(diskIsLow({ ...disk, freeBytes: 0 }, 0, false)).toBe(false)
  })

  it('a clock at the limit does not come and go', () => {
    expect(clockIsOff(30_000, 30_000, false)).toBeUndefined()
    expect(clockIsOff(-30_001, 30_000, false)).toBe('warning')
    expect(clockIsOff(20_000, 30_000, true)).toBe('warning')
    expect(clockIsOff(15_000, 30_000, true)).toBeUndefined()
    expect(clockIsOff(600_000, 30_000, false)).toBe('critical')
  })
})
