import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldSecurity } from '../../../coordinator/audit/index.ts'

const refusal = { at: 60_000, identity: 'agt_1', reason: 'access.denied', subject: 'CancelJob' }

test('the first of a minute is told at once, the others as one number when the minute is over', () => {
  const fold = foldSecurity()
  expect(fold.note(refusal)).toMatchObject({
    class: 'security',
    actor: 'agt_1',
    action: 'security.refused',
    reason: 'access.denied',
    detail: { count: 1 },
  })
  expect(fold.note({ ...refusal, at: 60_010 })).toBeUndefined()
  expect(fold.note({ ...refusal, at: 119_999 })).toBeUndefined()
  expect(fold.due(119_999)).toEqual([])
  expect(fold.due(120_000)).toMatchObject([
    { action: 'security.refused-repeatedly', at: 119_999, detail: { count: 3 } },
  ])
  expect(fold.due(180_000)).toEqual([])
})

test('another identity, reason or minute is another entry', () => {
  const fold = foldSecurity()
  for (const other of [{}, { identity: 'agt_2' }, { reason: 'link.cloned' }, { at: 120_000 }])
    expect(fold.note({ ...refusal, ...other })).toBeDefined()
  expect(fold.rest()).toEqual([])
})

test('property: a flood of any size and any identities writes a bounded number of entries, and counts every one', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3_000 }),
      fc.integer({ min: 1, max: 3_000 }),
      (times, identities) => {
        const fold = foldSecurity()
        const entries = []
        for (let i = 0; i < times; i++) {
          const told = fold.note({ ...refusal, identity: `forged-${i % identities}` })
          if (told !== undefined) entries.push(told)
        }
        const repeated = fold.rest()
        expect(entries.length + repeated.length).toBeLessThanOrEqual(2 * 202)
        const folded = repeated.reduce((sum, each) => sum + Number(each.detail.count) - 1, 0)
        expect(entries.length + folded).toBe(times)
      },
    ),
    { numRuns: 30 },
  )
})
