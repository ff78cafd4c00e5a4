import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { dashboards } from '../../scripts/dashboards/index.ts'
import { dashboardJson } from '../../scripts/dashboards/panels.ts'
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

/** `holdfast_process_*` and `holdfast_nodejs_*` are prom-client's own. */
const ours = (expr: string) =>
  (expr.match(/holdfast_\w+/g) ?? [])
    .filter(name => !/^holdfast_(process|nodejs)_/.test(name))
    .map(name => name.replace(/_(bucket|count|sum)$/, ''))

describe('dashboards for Grafana', () => {
  test('ask only for metrics that are declared, and say what each panel is for', () => {
    const page = metricsPage()
    for (const { title, rows } of dashboards)
      for (const panel of rows.flatMap(row => row.panels)) {
        expect(panel.description, `${title} / ${panel.title}`).toMatch(/\w+.*\.$/)
        const asked = panel.queries.flatMap(query => ours(query.expr))
        for (const name of asked) expect(page, `${title} / ${panel.title}`).toContain(`\`${name}\``)
      }
  })

  // what Grafana's schema asks of them (`@grafana/schema` 13.2.3: Dashboard, DashboardLink, VariableModel)
  test('have what their schema requires, and variables nothing that it does not know', () => {
    const known =
      'allValue allowCustomValue auto auto_count auto_min current datasource description hide includeAll label multi name options query refresh regex skipUrlSync sort type'
    for (const dashboard of dashboards) {
      const { links, panels, templating, ...rest } = JSON.parse(dashboardJson(dashboard)) as {
        readonly links: readonly object[]
        readonly panels: readonly object[]
        readonly templating: { readonly list: readonly object[] }
        readonly schemaVersion: number
      }
      expect(rest.schemaVersion).toBeGreaterThan(0)
      for (const link of links)
        for (const key of [
          'asDropdown',
          'icon',
          'includeVars',
          'keepTime',
          'tags',
          'targetBlank',
          'title',
          'tooltip',
          'type',
        ])
          expect(link, dashboard.title).toHaveProperty(key)
      for (const panel of panels) expect(panel).toHaveProperty('type')
      for (const variable of templating.list)
        expect(Object.keys(variable).filter(key => !known.split(' ').includes(key))).toEqual([])
    }
  })

  test('no panel lies upon another, every id is its own', () => {
    for (const dashboard of dashboards) {
      const { panels } = JSON.parse(dashboardJson(dashboard)) as {
        readonly panels: readonly {
          readonly id: number
          readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
        }[]
      }
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)}/${y + Math.floor(i / w)}`),
      )
      expect(new Set(cells).size, dashboard.title).toBe(cells.length)
    }
  })
})

describe('the compose file', () => {
  const home = join(projectRoot, 'deploy/observability')
  const { services } = parse(readFileSync(join(home, 'compose.yaml'), 'utf8')) as {
    readonly services: Readonly<
      Record<string, { readonly image: string; readonly volumes: readonly string[] }>
    >
  }

  test('mounts only what is there, by pinned images', () => {
    expect(Object.keys(services)).toEqual(['prometheus', 'alertmanager', 'grafana'])
    for (const { image, volumes } of Object.values(services)) {
      expect(image).toMatch(/:v?\d+\.\d+\.\d+$/)
      for (const [from = ''] of volumes.map(each => each.split(':')))
        if (from.startsWith('.')) expect(existsSync(join(home, from)), from).toBe(true)
    }
  })

  test('scrapes what the configuration beside the rules scrapes', () => {
    const jobs = (path: string) =>
      (
        parse(readFileSync(join(projectRoot, path), 'utf8')) as {
          readonly scrape_configs: readonly { readonly job_name: string; readonly metrics_path?: string }[]
        }
      ).scrape_configs.map(({ job_name, metrics_path }) => [job_name, metrics_path])
    expect(jobs('deploy/observability/prometheus.yml')).toEqual(jobs('deploy/prometheus/scrape.yaml'))
  })
})

describe('rules for Prometheus', () => {
  test('ask only for metrics that are declared', () => {
    const page = metricsPage()
    const asked = rules.flatMap(({ expr }) => ours(expr))
    expect(asked.length).toBeGreaterThanOrEqual(rules.length)
    for (const name of asked) expect(page).toContain(`\`${name}\``)
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
