import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { furtherGapReasons, gapReasons, isObstacle } from '../../../coordinator/protection/index.ts'

const page = readFileSync(new URL('../../../docs/reference/gaps.md', import.meta.url), 'utf8')

it.each([...gapReasons, ...furtherGapReasons])('the reason %s is documented', reason => {
  expect(page).toMatch(new RegExp(`^\\|[^|]*\`${reason}\``, 'm'))
})

it('what is only due, late or at work is no obstacle; everything else is', () => {
  expect(gapReasons.filter(each => !isObstacle(each))).toEqual([
    'never-backed-up',
    'backup-due',
    'job-running',
    'overdue',
  ])
})
