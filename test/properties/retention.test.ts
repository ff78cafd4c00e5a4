import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  brakeOf,
  graceStep,
  judgeRetention,
  periods,
  type RetainedBackup,
  type RetentionCase,
  type RetentionRule,
  shortenings,
} from '../../coordinator/retention/index.ts'
import type { BackupId } from '../../shared/model/identifiers.ts'

const hour = 3_600_000
const day = 24 * hour
const now = Date.UTC(2026, 10, 28, 11)

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const few = fc.integer({ min: 1, max: 6 })

const rule: fc.Arbitrary<RetentionRule> = fc
  .record({
    keepLast: few,
    keepWithin: maybe(fc.integer({ min: hour, max: 60 * day })),
    counts: fc.array(maybe(few), { minLength: periods.length, maxLength: periods.length }),
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Africa/Cairo'),
  })
  .map(({ keepLast, keepWithin, counts, zone }) => ({
    keepLast,
    ...(keepWithin === undefined ? {} : { keepWithin }),
    periods: Object.fromEntries(
      periods.flatMap((each, i) => (counts[i] === undefined ? [] : [[each, counts[i]]])),
    ),
    zone,
  }))

const destinations = fc.subarray(['main', 'far', 'vault'])

const backup = fc
  .record({
    // up to a day in the future
    age: fc.integer({ min: -day, max: 400 * day }),
    destinations,
    trusted: fc.boolean(),
    leaving: fc.constantFrom(false, false, false, true),
    inUse: fc.constantFrom(false, false, false, true),
    until: maybe(fc.integer({ min: now - day, max: now + day })),
    held: fc.constantFrom(false, false, false, true),
    lockedUntil: maybe(fc.integer({ min: now - 10 * day, max: now + day })),
  })
  .map(({ age, until, held, lockedUntil, ...rest }) => ({
    ...rest,
    dataAsOf: now - age,
    ...(held ? { hold: until === undefined ? {} : { until } } : {}),
    ...(lockedUntil === undefined ? {} : { lockedUntil }),
  }))

const backups: fc.Arbitrary<readonly RetainedBackup[]> = fc
  .array(backup, { maxLength: 40 })
  .map(list => list.map((each, i) => ({ ...each, id: `bak_${String(i).padStart(3, '0')}` as BackupId })))

const input: fc.Arbitrary<RetentionCase> = fc.record({
  now: fc.constant(now),
  clockDoubted: fc.constant(false),
  hasPolicy: fc.constant(true),
  rule,
  gone: fc.constant(false),
  breached: fc.constant(false),
  backups,
})

const always = (claim: (input: RetentionCase) => void) =>
  fc.assert(fc.property(input, claim), { numRuns: 500 })

const good = ({ backups }: RetentionCase) =>
  backups.filter(
    each => each.trusted && !each.leaving && each.destinations.length > 0 && each.dataAsOf <= now,
  )

function going(input: RetentionCase): ReadonlySet<string> {
  return new Set(judgeRetention(input).flatMap(each => (each.keep ? [] : [each.id])))
}

describe('retention, whatever the rule and the backups', () => {
  it('R1: never lets the newest good backup go, nor the newest good one of any destination', () => {
    always(each => {
      const gone = going(each)
      const newest = (list: readonly RetainedBackup[]) => Math.max(...list.map(b => b.dataAsOf))
      const candidates = good(each)
      if (candidates.length > 0)
        expect(candidates.some(b => b.dataAsOf === newest(candidates) && !gone.has(b.id))).toBe(true)
      for (const destination of ['main', 'far', 'vault']) {
        const there = candidates.filter(b => b.destinations.includes(destination))
        if (there.length > 0)
          expect(there.some(b => b.dataAsOf === newest(there) && !gone.has(b.id))).toBe(true)
      }
    })
  })

  it('keeps at least as many good ones as keep_last says, or all there are', () => {
    always(each => {
      const gone = going(each)
      const left = good(each).filter(b => !gone.has(b.id)).length
      expect(left).toBeGreaterThanOrEqual(Math.min(each.rule?.keepLast ?? 0, good(each).length))
    })
  })

  it('R2, R3: never lets go what is held, read by a job or locked', () => {
    always(each => {
      const gone = going(each)
      for (const { id, hold, inUse, lockedUntil } of each.backups) {
        if (hold !== undefined && (hold.until ?? Number.POSITIVE_INFINITY) > now)
          expect(gone).not.toContain(id)
        if (inUse || (lockedUntil ?? 0) > now) expect(gone).not.toContain(id)
      }
    })
  })

  it('R4: as long as nothing new comes, time alone lets nothing go', () => {
    fc.assert(
      fc.property(input, fc.integer({ min: 0, max: 4_000 * day }), (each, later) => {
        // what time ends by itself aside: holds, locks, and what is of the future now
        const settled = {
          ...each,
          backups: each.backups
            .filter(b => b.dataAsOf <= now)
            .map(({ hold: _, lockedUntil: __, ...b }) => ({ ...b })),
        }
        expect(going({ ...settled, now: now + later })).toEqual(going(settled))
      }),
      { numRuns: 400 },
    )
  })

  it('R4: a new good backup may let others go, never one that is newer than keep_within', () => {
    always(each => {
      const gone = going(each)
      const newest = Math.max(...good(each).map(b => b.dataAsOf))
      for (const b of good(each))
        if (each.rule?.keepWithin !== undefined && newest - b.dataAsOf <= each.rule.keepWithin)
          expect(gone).not.toContain(b.id)
    })
  })

  it.each([
    ['R5: in breach', { breached: true }],
    ['R5: gone', { gone: true }],
    ['R5: without a policy', { hasPolicy: false }],
    ['without a rule', { rule: undefined }],
    ['R6: by a doubted clock', { clockDoubted: true }],
  ])('%s: nothing goes', (_what, over) => {
    always(each => {
      const { rule: _, ...rest } = { ...each, ...over }
      const standing = rest as RetentionCase
      const judged = 'rule' in over ? standing : { ...standing, ...(each.rule ? { rule: each.rule } : {}) }
      expect(going(judged)).toEqual(new Set())
    })
  })

  it('R6, R7: what is of the future or doubtful makes nothing go, and does not go itself', () => {
    always(each => {
      const sound = { ...each, backups: good(each) }
      const gone = going(each)
      expect(gone).toEqual(going(sound))
    })
  })

  it('R6: a clock set to any time lets nothing go that a right one would keep', () => {
    fc.assert(
      fc.property(input, fc.integer({ min: 0, max: 2 ** 42 }), (each, wrong) => {
        const settled = {
          ...each,
          backups: good(each).map(({ hold: _, lockedUntil: __, ...b }) => b),
        }
        // set back it knows fewer backups, all of them older ones: those of the future stay
        const atWrong = going({ ...settled, now: wrong })
        const known = settled.backups.filter(b => b.dataAsOf <= wrong)
        expect(atWrong).toEqual(going({ ...settled, backups: known }))
      }),
      { numRuns: 400 },
    )
  })

  it('says why each one stays, and gives no reason for what goes', () => {
    always(each => {
      for (const { keep, reasons } of judgeRetention(each)) expect(reasons.length > 0).toBe(keep)
    })
  })

  it('is the same in any order of the backups', () => {
    always(each => {
      expect(going({ ...each, backups: each.backups.toReversed() })).toEqual(going(each))
    })
  })

  it('a rule that keeps no less than another lets nothing more go', () => {
    fc.assert(
      fc.property(input, rule, (each, other) => {
        if (each.rule === undefined || shortenings(each.rule, other).length > 0) return
        const before = going(each)
        for (const id of going({ ...each, rule: other })) expect(before).toContain(id)
      }),
      { numRuns: 2_000 },
    )
  })

  it('going on day after day by what was left loses no closed period it would keep at once', () => {
    // the newest of a period stays the newest once the period is over: thinning every day is as good as once
    fc.assert(
      fc.property(rule, fc.integer({ min: 20, max: 90 }), (each, days) => {
        let kept: RetainedBackup[] = []
        for (let n = 0; n < days; n++) {
          const made: RetainedBackup = {
            id: `bak_${String(n).padStart(3, '0')}` as BackupId,
            dataAsOf: now + n * day,
            ...{ destinations: ['main'], trusted: true, inUse: false, leaving: false },
          }
          kept = [...kept, made]
          const gone = going(caseOf(each, kept, now + n * day))
          kept = kept.filter(b => !gone.has(b.id))
        }
        const all = Array.from(
          { length: days },
          (_, n): RetainedBackup => ({
            id: `bak_${String(n).padStart(3, '0')}` as BackupId,
            dataAsOf: now + n * day,
            ...{ destinations: ['main'], trusted: true, inUse: false, leaving: false },
          }),
        )
        const gone = going(caseOf(each, all, now + (days - 1) * day))
        expect(kept.map(b => b.id)).toEqual(all.filter(b => !gone.has(b.id)).map(b => b.id))
      }),
      { numRuns: 25 },
    )
  })
})

function caseOf(each: RetentionRule, kept: readonly RetainedBackup[], at: number): RetentionCase {
  return {
    ...{ now: at, clockDoubted: false, hasPolicy: true, rule: each, gone: false, breached: false },
    backups: kept,
  }
}

describe('grace', () => {
  it('nothing is due that was not expendable for a whole grace, whatever the clock did', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: -day, max: 2 * day })), { maxLength: 30 }),
        looks => {
          const grace = 3 * day
          let expiry: { since: number } | undefined
          let at = now
          let begun: number | undefined
          for (const [keep, step] of looks) {
            at += step
            const took = graceStep(keep, expiry, at, grace)
            if (took.kind === 'stay') expiry = begun = undefined
            if (took.kind === 'expire') {
              expiry = { since: took.since }
              begun = at
            }
            if (took.kind === 'due') expect(at - (begun ?? Number.NaN)).toBeGreaterThanOrEqual(grace)
          }
        },
      ),
    )
  })
})

describe('the brake', () => {
  const rule = { percent: 10, atLeast: 20 }

  it('never stops a fleet in which as many go as are made', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ total: fc.nat(100), recent: fc.nat(100) })),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (databases, part) => {
          const shares = databases.map(each => ({ ...each, expired: Math.floor(each.recent * part) }))
          expect(brakeOf(shares, rule).on).toBe(false)
        },
      ),
    )
  })

  it('stops when a tenth of everything would go beyond that, and not for a handful', () => {
    const old = { total: 100, recent: 3, expired: 90 }
    expect(brakeOf([old], rule)).toMatchObject({ on: true, beyond: 87, limit: 20 })
    expect(brakeOf([{ ...old, expired: 20 }], rule)).toMatchObject({ on: false, beyond: 17 })
    expect(brakeOf([old, ...Array.from({ length: 9 }, () => ({ ...old, expired: 3 }))], rule)).toMatchObject({
      ...{ on: false, beyond: 87, limit: 100, total: 1_000 },
    })
  })
})
