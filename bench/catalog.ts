import { loadavg } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { connect, type Coordinator as Operator } from '../cli/connect.ts'
import { coordinatorConfigSchema } from '../coordinator/config.ts'
import { startCoordinator } from '../coordinator/coordinator.ts'
import { silentLog } from '../shared/log/index.ts'
import { freePort, temporaryFolder, waitUntil } from '../test/harness/index.ts'
import { type CatalogSize, seed } from './catalog/seed.ts'
import type { BenchRow } from './row.ts'
import type { BenchAnswer } from './run.ts'
import { table } from './table.ts'

export const description =
  'the first page of every listing over 1,000,000 jobs and backups and 100,000 databases, worst of several'

/** Smaller for a quick look: HOLDFAST_BENCH_SHARE=0.01. */
const share = Number(process.env['HOLDFAST_BENCH_SHARE'] ?? 1)
const size: CatalogSize = {
  clusters: 10_000 * share,
  databases: 100_000 * share,
  jobs: 1_000_000 * share,
  alerts: 20_000 * share,
}
const target = 200
const rounds = 5

type Ask = (operator: Operator) => Promise<unknown>

/** A real coordinator that leads on such a store, with default times and no discovery; asked as the CLI asks it. */
export async function run(report: (line: string) => void): Promise<BenchAnswer> {
  await using folder = await temporaryFolder('bench-catalog')
  const path = join(folder.path, 'holdfast.db')
  const began = performance.now()
  const now = Date.now()
  await seed(path, size, now)
  report(`seeded in ${Math.round((performance.now() - began) / 1_000)} s`)
  const rows: BenchRow[] = []
  const config = coordinatorConfigSchema.parse({
    listen: '127.0.0.1:0',
    insecure_loopback: true,
    store: { url: `sqlite:${path}` },
    destinations: { main: { url: 'file:///nowhere' } },
    policies: [{ name: 'all', every: '1d', rpo: '2d', destination: 'main' }],
    status: { port: await freePort() },
    stop_grace: '1s',
  })
  const started = performance.now()
  const coordinator = await startCoordinator(config, silentLog, { sources: [] })
  try {
    await waitUntil(() => coordinator.term !== undefined, { what: 'leadership', timeout: 300_000 })
    report(`leads after ${Math.round((performance.now() - started) / 1_000)} s`)
    const operator = connect(`127.0.0.1:${coordinator.port}`)
    try {
      for (const [name, ask] of Object.entries(listings(now, oneDatabase(path)))) {
        const row = await measured(name, () => ask(operator))
        rows.push(row)
        report(`${row.ok ? ' ' : '!'} ${name.padEnd(70)} ${String(row.value).padStart(8)} ms`)
      }
    } finally {
      operator.close()
    }
  } finally {
    await coordinator.stop()
  }
  for (const line of table(rows)) report(line)
  return { rows, status: rows.every(row => row.ok) ? 0 : 1 }
}

async function measured(name: string, ask: () => Promise<unknown>): Promise<BenchRow> {
  const taken: number[] = []
  for (let i = 0; i < rounds; i++) {
    const began = performance.now()
    await ask()
    taken.push(performance.now() - began)
  }
  const value = Math.round(Math.max(...taken) * 10) / 10
  const median = Math.round((taken.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0) * 10) / 10
  const load = Math.round((loadavg()[0] ?? 0) * 10) / 10
  return {
    ...{ case: name, value, unit: 'ms', target: `≤ ${target}`, ok: value <= target },
    conditions: `worst of ${rounds}, median ${median}; load average ${load}`,
  }
}

/** Every listing of the CLI, by the words of its command. */
function listings(now: number, databaseId: string): Readonly<Record<string, Ask>> {
  const list =
    (method: Parameters<Operator['ask']>[0], filter = '', more: object = {}): Ask =>
    operator =>
      operator.ask(method, { pageSize: 50, pageToken: '', filter, ...more } as never)
  const one = 'selector=service=service-00420'
  const site = 'selector=datacenter=ams'
  const rare = 'selector=tag=prod\\,service=service-*20'
  const named = 'selector=database=customer_4242*'
  const none = 'selector=service=nothing'
  const dayAgo = now - 86_400_000
  return {
    status: operator => operator.ask('getStatus', {}),
    'database list': list('listDatabases'),
    'database list --protection breached': list('listDatabases', 'protection=breached'),
    'database list --name': list('listDatabases', 'name=customer_777'),
    ...each('database list --sort', ['size', 'age', 'due', 'duration'], order =>
      list('listDatabases', `order=${order}`),
    ),
    'database list --selector (one service)': list('listDatabases', one),
    'database list --selector (a site) --sort size': list('listDatabases', `${site},order=size`),
    'database list --selector (names)': list('listDatabases', named),
    'job list': list('listJobs'),
    'job list --sort oldest': list('listJobs', 'order=oldest'),
    'job list --state failed': list('listJobs', 'state=failed'),
    'job list --state queued': list('listJobs', 'state=queued'),
    'job list --kind restore': list('listJobs', 'kind=restore'),
    'job list --since 24h --state failed': list('listJobs', `since=${dayAgo},state=failed`),
    'job list --database': list('listJobs', `database=${databaseId}`),
    'job list --selector (one service)': list('listJobs', one),
    'job list --selector (one service) --state failed': list('listJobs', `${one},state=failed`),
    'job list --selector (a site)': list('listJobs', site),
    'job list --selector (a site) --state failed': list('listJobs', `${site},state=failed`),
    'job list --selector (100 clusters)': list('listJobs', rare),
    'job list --selector (names)': list('listJobs', named),
    'job list --selector (nothing)': list('listJobs', none),
    'backup list': list('listBackups'),
    'backup list --sort size': list('listBackups', 'order=size'),
    'backup list --sort duration': list('listBackups', 'order=duration'),
    'backup list --sort size --since 24h': list('listBackups', `order=size,since=${dayAgo}`),
    'backup list --database': list('listBackups', `database=${databaseId}`),
    'backup list --database --sort size': list('listBackups', `database=${databaseId},order=size`),
    'backup list --selector (one service)': list('listBackups', one),
    'backup list --selector (one service) --sort size': list('listBackups', `${one},order=size`),
    'backup list --selector (a site)': list('listBackups', site),
    'backup list --selector (a site) --sort duration': list('listBackups', `${site},order=duration`),
    'backup list --selector (100 clusters) --sort size': list('listBackups', `${rare},order=size`),
    'backup list --selector (names)': list('listBackups', named),
    'instance list': list('listInstances'),
    'instance list --gone': list('listInstances', 'gone=true'),
    'instance list --selector (a site)': list('listInstances', site),
    'cluster list': list('listClusters'),
    'cluster list --conflicts': list('listClusters', 'conflict=true'),
    'cluster list --selector (a site)': list('listClusters', site),
    'agent list': list('listAgents'),
    'agent list --state connected': list('listAgents', 'state=connected'),
    'gap list': list('listGaps'),
    'gap list --reason overdue': list('listGaps', 'reason=overdue'),
    'gap list --selector (one service)': list('listGaps', one),
    'alert list': list('listAlerts'),
    'alert list --state open': list('listAlerts', 'state=open'),
    'alert list --selector (a site)': list('listAlerts', site),
    'audit list': list('listAudit', '', { oldestFirst: false }),
    'approval list': list('listApprovals'),
    'token list': list('listTokens'),
    'pause list': operator => operator.ask('listPauses', {}),
    'alert silences': operator => operator.ask('listSilences', {}),
    ...each('report sizes --sort', ['size', 'stored', 'growth'], sort => list('listTrends', '', { sort })),
    ...each('report durations --sort', ['duration', 'duration-growth', 'outgrows'], sort =>
      list('listTrends', '', { sort }),
    ),
    'report destinations': list('listDestinations'),
    'report sizes --since 24h': list('listTrends', `since=${dayAgo}`, { sort: 'size' }),
    'report sizes --selector (a site)': list('listTrends', site, { sort: 'size' }),
  }
}

function each(command: string, words: readonly string[], ask: (word: string) => Ask): Record<string, Ask> {
  return Object.fromEntries(words.map(word => [`${command} ${word}`, ask(word)]))
}

/** Some database that has jobs and backups. */
function oneDatabase(path: string): string {
  using db = new DatabaseSync(path, { readOnly: true })
  const row = db.prepare('select database_id as id from backup_databases limit 1 offset 500').get()
  return String(row?.['id'])
}
