import { describe, expect, test } from 'vitest'
import { scheduleOf, scheduleProblems } from '../../coordinator/schedule-config.ts'

const hour = 3_600_000
const rpo = 26 * hour
const told = (policy: Record<string, unknown>) =>
  scheduleProblems({ rpo, ...policy }).map(({ key, text }) => `${key}: ${text}`)

describe('the schedule of a policy is refused', () => {
  test.each([
    ['a cron that never fires', { cron: '0 0 31 4 *' }, 'cron: never comes'],
    ['a cron that is none', { cron: 'nightly' }, 'cron: expected five fields'],
    [
      'a zone there is not',
      { cron: '30 1 * * *', zone: 'Mars/Olympus' },
      'zone: `Mars/Olympus` is no IANA zone',
    ],
    ['a zone of nothing', { zone: 'Europe/Berlin' }, 'zone: must not be given without `cron`'],
    ['two schedules', { every: hour, cron: '30 1 * * *' }, 'cron: must not be given beside `every`'],
    ['a promise shorter than the interval', { every: 27 * hour }, 'rpo: must be at least `every`'],
    [
      'a promise that a weekend breaks',
      { cron: '0 1 * * 1-5' },
      'rpo: must be at least the longest pause of `cron`, 3d',
    ],
    [
      'black-outs that leave nothing of the windows',
      { windows: ['22:00-06:00'], blackouts: ['21:00-07:00'] },
      'blackouts: must leave some time',
    ],
  ])('%s', (_, policy, text) => {
    expect(told(policy)).toEqual([expect.stringContaining(text)])
  })

  test('not what can be kept, by the clocks of a zone that has an hour twice', () => {
    expect(told({ cron: '30 2 * * *', zone: 'Europe/Berlin', windows: ['Sat 01:00-05:00 UTC'] })).toEqual([])
    expect(told({ rpo: 24 * hour, cron: '30 2 * * *', zone: 'Europe/Berlin' })).toEqual([
      expect.stringContaining('longest pause'),
    ])
    expect(told({ blackouts: ['Mon-Fri 08:00-18:00 Europe/Berlin'] })).toEqual([])
  })
})

test('a policy without a schedule is due every day', () => {
  expect(scheduleOf({})).toEqual({ kind: 'interval', every: 24 * hour })
  expect(scheduleOf({ cron: '30 1 * * *', zone: 'Europe/Berlin' })).toEqual({
    kind: 'cron',
    expression: '30 1 * * *',
    zone: 'Europe/Berlin',
    every: 25 * hour,
  })
})
