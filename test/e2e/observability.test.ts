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
    const { groups } = await ask<{ groups: readonly { name: string; rules: readonly unknown[] }[] }>('rules')
    expect(groups.map(each => each.name).sort()).toEqual([
      'holdfast-coordinator',
      'holdfast-fleet',
      'holdfast-promises',
    ])
    await waitUntil(
      async () =>
        (await ask<{ activeAlertmanagers: readonly unknown[] }>('alertmanagers')).activeAlertmanagers
          .length === 1,
      { what: 'Alertmanager to be known' },
    )
  })

  test('a coordinator that dies is told to people through Alertmanager', async () => {
    await stack.coordinator.kill('SIGKILL')
    await waitUntil(
      () =>
        people.requests
          .flatMap(each => (each.json() as Told).alerts)
          .some(
            each => each.status === 'firing' && each.labels['alertname'] === 'HoldfastNoActiveCoordinator',
          ),
      // the rule waits for two minutes, and a metric is missed after a while
      { what: 'people to be told', timeout: 240_000 },
    )
  }, 260_000)

  test('asked to end it takes both with it', async () => {
    await started.stop('SIGTERM', 20_000)
    await expect(fetch(`${prometheus}/-/ready`)).rejects.toThrow()
  })
})
