import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { alertmanagerCommand } from '../harness/alertmanager.ts'
import {
  freePort,
  layStack,
  provision,
  requireServers,
  type Stack,
  temporaryFolder,
  type WebhookSink,
  waitUntil,
  webhookSink,
} from '../harness/index.ts'
import { type OwnedProcess, startProcess } from '../harness/owned-process.ts'
import { projectRoot } from '../harness/project-root.ts'

interface Told {
  readonly alerts: readonly { readonly status: string; readonly labels: Readonly<Record<string, string>> }[]
}

const here = await requireServers('deploy/observability', 'prometheus', 'alertmanager')
describe.skipIf(here.missing)('deploy/observability/start beside a real fleet', () => {
  let stack: Stack
  let people: WebhookSink
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let started: OwnedProcess
  let prometheus: string

  beforeAll(async () => {
    folder = await temporaryFolder('observability')
    people = await webhookSink()
    stack = await layStack({ agents: [{ name: 'db1' }] })
    await stack.start()
    const found = await provision('prometheus')
    if (!found.available) throw new Error(found.reason)
    const [prometheusPort, alertmanagerPort] = [await freePort(), await freePort()]
    prometheus = `http://127.0.0.1:${prometheusPort}`
    started = await startProcess(join(projectRoot, 'deploy/observability/start'), [folder.path], {
      name: 'observability',
      logFile: join(folder.path, 'start.log'),
      env: {
        PATH: process.env['PATH'] ?? '',
        PROMETHEUS: join(found.bin, 'prometheus'),
        ALERTMANAGER: (await alertmanagerCommand()).join(' '),
        PROMETHEUS_PORT: String(prometheusPort),
        ALERTMANAGER_PORT: String(alertmanagerPort),
        COORDINATORS: new URL(stack.coordinator.statusUrl).host,
        AGENTS: new URL(stack.agent('db1').statusUrl).host,
        WEBHOOK: people.url,
        SCRAPE_INTERVAL: '1s',
      },
    })
  }, 120_000)

  afterAll(async () => {
    await started?.stop()
    await stack?.stop()
    await people?.stop()
    await folder?.remove()
  })

  /**
   * Lets Prometheus read the rules again, of which one does not wait before it fires: how long each waits is what
   * promtool is asked about; here the way from the rule to people counts.
   */
  const hasten = async (alert: string): Promise<void> => {
    const shipped = await readFile(join(projectRoot, 'deploy/prometheus/rules.yaml'), 'utf8')
    const rule = new RegExp(`(- alert: ${alert}\\n(?: {8}.*\\n)*? {8}for: )\\S+`)
    const rules = join(folder.path, 'hastened.yaml')
    await writeFile(rules, shipped.replace(rule, '$10s'))
    const configuration = join(folder.path, 'prometheus.yml')
    const text = await readFile(configuration, 'utf8')
    await writeFile(configuration, text.replace(/rule_files: .*/, `rule_files: ['${rules}']`))
    const children = await readFile(`/proc/${started.pid}/task/${started.pid}/children`, 'utf8')
    for (const pid of children.trim().split(' '))
      if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(configuration))
        process.kill(Number(pid), 'SIGHUP')
    await waitUntil(
      async () =>
        (await loaded()).flatMap(each => each.rules).find(each => each.name === alert)?.duration === 0,
      { what: 'the rules to be read again' },
    )
    // read again, it looks for Alertmanager anew; an alert that it cannot send meanwhile it sends a minute later
    await alertmanagerKnown()
  }

  const alertmanagerKnown = () =>
    waitUntil(
      async () =>
        (await ask<{ activeAlertmanagers: readonly unknown[] }>('alertmanagers')).activeAlertmanagers
          .length === 1,
      { what: 'Alertmanager to be known' },
    )

  interface Group {
    readonly name: string
    readonly rules: readonly { readonly name: string; readonly duration: number }[]
  }
  const loaded = async () => (await ask<{ groups: readonly Group[] }>('rules')).groups

  const ask = async <T>(path: string): Promise<T> =>
    ((await (await fetch(`${prometheus}/api/v1/${path}`)).json()) as { data: T }).data

  test('coordinator, databases and agent are scraped, every rule is loaded, Alertmanager is known', async () => {
    await waitUntil(
      async () => {
        const { activeTargets } = await ask<{
          activeTargets: readonly { health: string; labels: { job: string } }[]
        }>('targets').catch(() => ({ activeTargets: [] }))
        const up = activeTargets.filter(each => each.health === 'up').map(each => each.labels.job)
        return up.sort().join() === 'holdfast-agent,holdfast-coordinator,holdfast-databases'
      },
      { what: 'all targets to be up', timeout: 60_000 },
    )
    expect((await loaded()).map(each => each.name).sort()).toEqual([
      'holdfast-coordinator',
      'holdfast-fleet',
      'holdfast-promises',
    ])
    await alertmanagerKnown()
  })

  test('a coordinator that dies is told to people through Alertmanager', async () => {
    await hasten('HoldfastNoActiveCoordinator')
    await stack.coordinator.kill('SIGKILL')
    await waitUntil(
      () =>
        people.requests
          .flatMap(each => (each.json() as Told).alerts)
          .some(
            each => each.status === 'firing' && each.labels['alertname'] === 'HoldfastNoActiveCoordinator',
          ),
      { what: 'people to be told', timeout: 30_000 },
    )
  })

  test('asked to end it takes both with it', async () => {
    await started.stop('SIGTERM', 20_000)
    await expect(fetch(`${prometheus}/-/ready`)).rejects.toThrow()
  })
})
