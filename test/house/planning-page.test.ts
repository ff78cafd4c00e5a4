import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseWhatIf } from '../../coordinator/operations/what-if.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/reference/planning.md'), 'utf8')

test('the page of the planner has every reason why a job waits', () => {
  const source = readFileSync(join(root, 'coordinator/planner/reasons.ts'), 'utf8')
  const codes = [...source.matchAll(/code: '([a-z-]+)'/g)].map(([, code = '']) => code)
  const kinds = ['cluster', 'site', 'destination'].flatMap(kind => [`${kind}-slots`, `${kind}-rate`])
  expect(codes.length).toBeGreaterThan(15)
  expect([...codes, ...kinds, 'host-rate'].filter(code => !page.includes(`\`${code}\``))).toEqual([])
})

test('what it supposes can be supposed', () => {
  const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? []
  expect(parseWhatIf(text)).toMatchObject({
    slots_per_agent: 4,
    agents_away: ['db-host-7', 'db-host-8'],
    longer: 1.5,
    budgets: { destination: { max_rate: 500_000_000 } },
  })
})
