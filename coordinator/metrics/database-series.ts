import {
  type Page,
  renderSeries,
  type SeriesDeclaration,
  type SeriesRow,
} from '../../shared/metrics/index.ts'
import type { FleetMap } from '../fleet/fleet-map.ts'
import type { Term } from '../operations/term.ts'

/** The path of the per-database series: an endpoint of their own, for those who want them (ADR 9). */
export const databaseSeriesPath = '/metrics/databases'

/** What is shown of each database, in the order of `values` below. */
export const databaseSeries: readonly SeriesDeclaration[] = [
  {
    name: 'database_protection',
    help: 'Always 1; its labels say how a database is protected now, and why not.',
    also: ['protection', 'reason'],
  },
  {
    name: 'database_last_good_data_timestamp_seconds',
    help: 'When the data of the last good backup was true, Unix time.',
  },
  { name: 'database_rpo_seconds', help: 'How old that data may get.' },
  { name: 'database_size_bytes', help: 'Size as the server says.' },
  { name: 'database_backup_raw_bytes', help: 'Bytes of the last good backup as the dump tools wrote them.' },
  { name: 'database_backup_stored_bytes', help: 'Bytes of the last good backup as stored, one copy.' },
  { name: 'database_backup_duration_seconds', help: 'How long the last good backup took.' },
  { name: 'database_consecutive_failures', help: 'Attempts that failed since the last good backup.' },
]

/** Labels of every series; names need not be unique, ids are. */
export const databaseLabels = ['id', 'cluster', 'database', 'engine', 'policy'] as const

/** Makes the page. One at a time: two scrapers at once would only make each other late. */
export function databaseSeriesPage(led: () => Term | undefined, contentType: string): () => Promise<Page> {
  let busy = false
  const refused = (status: number, why: string): Page => ({ status, type: 'text/plain', body: `${why}\n` })
  return async () => {
    const term = led()
    if (term === undefined) return refused(503, 'standing by: ask the coordinator that leads')
    if (busy) return refused(429, 'another scrape of this page is under way')
    const body = renderSeries(rowsOf(term.fleet), { labels: databaseLabels, series: databaseSeries })
    return {
      status: 200,
      type: contentType,
      body: around(body, under => {
        busy = under
      }),
    }
  }
}

function* rowsOf(fleet: FleetMap): Generator<SeriesRow> {
  for (const { record, state } of fleet.databases()) {
    const cluster = fleet.cluster(record.clusterId)
    const seconds = (millis: number | undefined) => (millis === undefined ? null : millis / 1_000)
    yield {
      labels: [
        record.id,
        cluster?.name ?? '',
        record.scope === 'cluster' ? '' : record.name,
        cluster?.engine ?? '',
        state?.policyName ?? '',
      ],
      also: [state?.protection ?? 'unknown', state?.reason ?? ''],
      values: [
        1,
        seconds(state?.lastDataAsOf),
        seconds(state?.rpoMs),
        record.sizeBytes,
        state?.lastRawBytes ?? null,
        state?.lastStoredBytes ?? null,
        seconds(state?.lastDurationMs),
        state?.consecutiveFailures ?? 0,
      ],
    }
  }
}

/** Tells when reading begins and when it is over; one that nobody reads tells nothing. */
async function* around<T>(items: AsyncGenerator<T>, tell: (under: boolean) => void): AsyncGenerator<T> {
  tell(true)
  try {
    yield* items
  } finally {
    tell(false)
  }
}
