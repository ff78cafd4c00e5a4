import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { metricsPage } from '../../scripts/metrics-page.ts'
import { provision, requireServers } from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'
import { run } from '../harness/run.ts'

const folder = join(projectRoot, 'deploy/prometheus')
const here = await requireServers('rules for Prometheus', 'prometheus')

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[]
  }[]
}
const { groups } = parse(readFileSync(join(folder, 'rules.yaml'), 'utf8')) as Rules
const rules = groups.flatMap(group => group.rules)
const tests = readdirSync(folder).filter(file => file.endsWith('.test.yaml'))

describe('rules for Prometheus', () => {
  test('ask only for metrics that are declared', () => {
    const page = metricsPage()
    const asked = rules.flatMap(({ expr }) => expr.match(/holdfast_\w+/g) ?? [])
    expect(asked.length).toBeGreaterThanOrEqual(rules.length)
    for (const name of asked) expect(page).toContain(`\`${name.replace(/_(bucket|count|sum)$/, '')}\``)
  })

  test('are each seen to fire', () => {
    const told = tests.map(file => readFileSync(join(folder, file), 'utf8')).join('')
    for (const { alert } of rules) expect(told).toMatch(new RegExp(`(alertname: |alertname=")${alert}\\b`))
  })

  test.skipIf(here.missing)('do what their tests say', async () => {
    const found = await provision('prometheus')
    if (!found.available) throw new Error(found.reason)
    const promtool = join(found.bin, 'promtool')
    const { code, stdout, stderr } = await run(
      promtool,
      ['test', 'rules', ...tests.map(file => join(folder, file))],
      { allowFailure: true },
    )
    expect(code, stdout + stderr).toBe(0)
  })
})
