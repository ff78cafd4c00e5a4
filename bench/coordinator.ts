import { loadavg } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { coordinatorConfigSchema } from '../coordinator/config.ts'
import { startCoordinator } from '../coordinator/coordinator.ts'
import type { Discovery } from '../shared/discovery/index.ts'
import { silentLog } from '../shared/log/index.ts'
import { freePort, temporaryFolder, waitUntil } from '../test/harness/index.ts'
import { Load } from './coordinator/load.ts'
import type { BenchResult } from './run.ts'

export const description =
  'one coordinator on SQLite, 10 instances of 10,000 databases each: how long its event loop stands still'

const instances = 10
/** Fewer for a quick look: HOLDFAST_BENCH_DATABASES=1000. */
const databasesEach = Number(process.env['HOLDFAST_BENCH_DATABASES'] ?? 10_000)
const databases = instances * databasesEach
/** How long each picture is taken, milliseconds: longer than the review of all promises comes round. */
const span = 35_000
const resolution = 5

const targets = { loop: 250, scrape: 50, list: 200 }

/** One thing measured, milliseconds unless its unit says otherwise. */
interface Row {
  readonly name: string
  readonly value: number
  readonly unit: 'ms' | 's' | 'rows'
  readonly target?: number
}

/**
 * The agent and the operators live in a thread of their own, so that what is measured is the coordinator's
 * loop. Times are the defaults of the configuration; everything is due at once, the worst day of a fleet.
 */
export async function run(report: (line: string) => void): Promise<BenchResult> {
  await using folder = await temporaryFolder('bench-coordinator')
  const statusPort = await freePort()
  const config = coordinatorConfigSchema.parse({
    listen: '127.0.0.1:0',
    insecure_loopback: true,
    store: { url: `sqlite:${join(folder.path, 'holdfast.db')}` },
    destinations: { main: { url: 'file:///nowhere' } },
    policies: [{ name: 'all', every: '1h', rpo: '2h', destination: 'main' }],
    status: { port: statusPort },
    stop_grace: '1s',
  })
  const coordinator = await startCoordinator(config, silentLog, { sources: [source()] })
  const rows: Row[] = []
  const loop = new LoopDelay()
  try {
    await waitUntil(() => coordinator.term !== undefined, { what: 'leadership' })
    await using load = await Load.start({ port: coordinator.port, statusPort, instances, databasesEach })

    loop.reset()
    const began = performance.now()
    await load.ask('inventory')
    const known = async () => (await coordinator.operations.status()).aggregates.databases
    await waitUntil(async () => (await known()) >= databases, {
      what: 'the inventory to be taken in',
      timeout: 600_000,
      interval: 500,
    })
    rows.push({ name: 'ingest, all of it', value: (performance.now() - began) / 1_000, unit: 's' })
    rows.push(...loop.rows('ingest'))

    loop.reset()
    await pause(span)
    rows.push(...loop.rows('plan and protection'))

    loop.reset()
    rows.push(...(await load.scrapes(span)).map(row => ({ ...row, target: targets.scrape })))
    rows.push(...loop.rows('scrape each second'))

    loop.reset()
    rows.push(...(await load.lists(span)).map(row => ({ ...row, target: targets.list })))
    rows.push(...loop.rows('lists'))

    const { aggregates } = await coordinator.operations.status()
    rows.push({ name: 'jobs waiting at the end', value: aggregates.jobs['queued'] ?? 0, unit: 'rows' })
    rows.push({ name: 'backups recorded', value: aggregates.backups, unit: 'rows' })
  } finally {
    loop.end()
    await coordinator.stop()
  }
  return told(rows, report)
}

/** Delay of the event loop beyond what its timer asked for. */
class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution })

  constructor() {
    this.#histogram.enable()
  }

  reset(): void {
    this.#histogram.reset()
  }

  end(): void {
    this.#histogram.disable()
  }

  rows(during: string): Row[] {
    const ms = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution)
    return [
      { name: `${during}: loop delay p99`, value: ms(this.#histogram.percentile(99)), unit: 'ms' },
      {
        name: `${during}: loop delay max`,
        value: ms(this.#histogram.max),
        unit: 'ms',
        target: targets.loop,
      },
    ]
  }
}

/** Ten servers on one host, as discovery tells of them. */
function source(): Discovery {
  return {
    source: 'bench',
    watch: async (onSnapshot, signal) => {
      onSnapshot({
        source: 'bench',
        health: { kind: 'ok' },
        instances: Array.from({ length: instances }, (_, i) => ({
          datacenter: 'dc1',
          namespace: 'default',
          nodeId: '',
          nodeName: 'host1',
          nodeAddress: '127.0.0.1',
          serviceId: `shop-${i}`,
          serviceName: `shop-${i}`,
          address: '127.0.0.1',
          port: 5_432 + i,
          tags: [],
          meta: {},
          engine: 'postgres' as const,
        })),
      })
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    },
  }
}

function told(rows: readonly Row[], report: (line: string) => void): BenchResult {
  const line = (...cells: readonly [string, string, string, string, string]) =>
    report(
      `${cells[0].padEnd(44)}${cells[1].padStart(10)} ${cells[2].padEnd(5)}${cells[3].padStart(8)}  ${cells[4]}`,
    )
  line('case', 'value', 'unit', 'target', 'ok')
  const result: Record<string, number> = {}
  const missed: string[] = []
  for (const { name, value, unit, target } of rows) {
    const rounded = Math.round(value * 10) / 10
    const ok = target === undefined || value <= target
    line(
      name,
      String(rounded),
      unit,
      target === undefined ? '' : `≤ ${target}`,
      target === undefined ? '' : ok ? 'yes' : 'NO',
    )
    result[`${name.replaceAll(/[^a-z0-9]+/gi, '_').toLowerCase()}_${unit}`] = rounded
    if (!ok) missed.push(name)
  }
  const load = Math.round((loadavg()[0] ?? 0) * 10) / 10
  return { ...result, load_average: load, databases, missed: missed.join('; '), ok: missed.length === 0 }
}
