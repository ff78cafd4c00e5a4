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
  { name: 'database_backup_usual_raw_bytes', help: 'Median of the raw bytes of the last ten good backups.' },
  {
    name: 'database_backup_usual_duration_seconds',
    help: 'Median of the duration of good backups, their growth taken out.',
  },
  {
    name: 'database_backup_growth_bytes_per_day',
    help: 'By how much raw bytes grow a day; absent while there is too little to tell.',
  },
  {
    name: 'database_backup_growth_seconds_per_day',
    help: 'By how much backups take longer each day; absent while there is too little to tell.',
  },
  {
    name: 'database_backup_allowed_seconds',
    help: 'How long a backup may take: its longest window, or its RPO.',
  },
  {
    name: 'database_outgrows_window_timestamp_seconds',
    help: 'When backups will take longer than they may, Unix time; absent when that cannot be told.',
  },
  {
    name: 'database_last_verified_timestamp_seconds',
    help: 'When a restore last showed that a backup holds, Unix time; absent while none did.',
  },
  {
    name: 'database_restore_seconds',
    help: 'How long that restore took, from the first byte to the last index: the measured RTO.',
  },
  {
    name: 'database_backups_bad',
    help: 'Backups that restores showed to be bad since the last that was proven.',
  },
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
        state?.trend?.usualRawBytes ?? null,
        seconds(state?.trend?.usualDurationMs),
        state?.trend?.rawGrowth?.perDay ?? null,
        seconds(state?.trend?.durationGrowth?.perDay),
        seconds(state?.allowedMs),
        seconds(state?.outgrowsAt),
        seconds(state?.verification?.good?.at),
        seconds(state?.verification?.good?.restoreMs),
        state?.verification?.bad?.count ?? 0,
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
