import type { Command } from 'commander'
import {
  Database,
  type DatabaseVerification,
  type Trend,
} from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, orderOf, paged, selected, selectorOf } from '../list.ts'
import { trendLines } from '../print/outlook.ts'
import { change, sparkline } from '../print/sparkline.ts'
import { card, table } from '../print/table.ts'
import { ago, bytes, instant, shortDuration } from '../print/units.ts'
import { watchOption } from '../watch.ts'
import { backupTable } from './backup-table.ts'
import { jobTable } from './job-table.ts'

/** What databases may be sorted by: the largest, the longest without a good backup, the next due, the slowest first. */
const sorts = ['name', 'size', 'age', 'due', 'duration']

/** `holdfast database list|get`. */
export function databaseCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'list databases with their protection state',
      examples: [
        'holdfast database list',
        'holdfast database list --protection breached -o json',
        "holdfast database list --selector 'datacenter=ams,database=shop*' --sort age",
      ],
    },
    command =>
      selected(paged(command))
        .option('--sort <order>', 'name, size, age (of the last good backup), due (next), duration', 'name')
        .option('--protection <state>', 'protected, due, at-risk, breached, unprotected')
        .option('--name <name>', 'exact name'),
    async (session, _args, options) => {
      const filter = {
        protection: options.protection as string | undefined,
        name: options.name as string | undefined,
        ...selectorOf(options),
        order: orderOf(options, sorts),
      }
      await list(session, options, filter, request => session.coordinator.ask('listDatabases', request), {
        rowsOf: answer => answer.databases,
        key: 'databases',
        like: Database.fromPartial({}),
        none: 'no database is known yet',
        table: rows => databaseTable(rows, terminal),
      })
    },
  )
  const get = leaf(
    terminal,
    {
      name: 'get',
      summary: 'show one database, its last backups and jobs',
      examples: ['holdfast database get orders', 'holdfast database get orders-db/orders'],
    },
    command => watchOption(command.argument('<database>', 'database id, name, or service/name')),
    async ({ coordinator, print }, [database = '']) => {
      const answer = await coordinator.ask('getDatabase', { database })
      print(answer, () => {
        if (!answer.database) return ''
        const parts = [databaseCard(answer.database, answer.trend, terminal)]
        if (answer.recentBackups.length > 0)
          parts.push(`\nBackups\n${backupTable(answer.recentBackups, terminal)}`)
        if (answer.recentJobs.length > 0) parts.push(`\nJobs\n${jobTable(answer.recentJobs, terminal)}`)
        return parts.join('\n')
      })
    },
  )
  return noun('database', 'databases and the promise made for each', [listing, get])
}

/** The name as operators write it; a cluster's globals have none of their own. */
function nameOf(database: Database): string {
  return database.scope === 'cluster' ? '(globals)' : database.name
}

function databaseTable(rows: readonly Database[], terminal: Terminal): string {
  const now = terminal.now()
  return table(
    rows,
    [
      { heading: 'DATABASE', value: nameOf, shrinkTo: 12 },
      { heading: 'ID', value: d => d.databaseId, wide: true },
      { heading: 'CLUSTER', value: d => d.clusterName, wide: true },
      { heading: 'SERVICE', value: d => d.service, shrinkTo: 7 },
      { heading: 'ENGINE', value: d => d.engine, shrinkTo: 6 },
      { heading: 'SIZE', value: d => (d.scope === 'cluster' ? '-' : bytes(d.sizeBytes)), align: 'right' },
      { heading: 'STATE', value: d => d.protection || '-', paint: terminal.paint },
      { heading: 'REASON', value: d => d.reason || '-', shrinkTo: 7 },
      { heading: 'POLICY', value: d => d.policy || '-', wide: true },
      { heading: 'DATA AS OF', value: d => ago(d.lastBackupDataAsOf, now) },
      {
        heading: 'NEXT',
        value: d => (d.nextDueAt === 0 ? '-' : d.nextDueAt <= now ? 'now' : ago(d.nextDueAt, now)),
      },
    ],
    terminal.width,
  )
}

function databaseCard(
  database: Database,
  trend: Trend | undefined,
  { now: clock, width, paint }: Terminal,
): string {
  const now = clock()
  return card(
    [
      ['database', nameOf(database)],
      ['id', database.databaseId],
      ['engine', database.engine],
      ['service', database.service],
      ['cluster', `${database.clusterName} (${database.clusterId})`],
      ['size', database.scope === 'cluster' ? '' : bytes(database.sizeBytes)],
      ['policy', database.policy || 'none'],
      ['refused', database.policyRefused && `what service meta asks for: ${database.policyRefused}`],
      [
        'protection',
        [...new Set([database.protection, database.reason, database.reasonDetail])]
          .filter(Boolean)
          .join(' · '),
        paint,
      ],
      ['RPO', database.rpoMs > 0 ? shortDuration(database.rpoMs) : '-'],
      [
        'last good backup',
        database.lastBackupId === ''
          ? 'none'
          : `${database.lastBackupId}, data as of ${instant(database.lastBackupDataAsOf)} (${ago(database.lastBackupDataAsOf, now)})`,
      ],
      ...proofLines(database.verification, now),
      [
        'next due',
        database.nextDueAt === 0 ? '-' : `${instant(database.nextDueAt)} (${ago(database.nextDueAt, now)})`,
      ],
      ['open job', database.openJobId],
      ['backups', String(database.backups)],
      ...trendLines(trend, now),
      ['sizes', lately(database.recentRawBytes, bytes)],
      ['stored', lately(database.recentStoredBytes, bytes)],
      ['durations', lately(database.recentDurationMs, shortDuration)],
      ['first seen', instant(database.firstSeenAt)],
      ['gone since', database.goneSince === 0 ? '' : instant(database.goneSince)],
      ['evidence', database.evidence.map(e => `${e.kind} ${e.value}`).join(', ')],
    ],
    width,
  )
}

/** When a restore last proved a backup and how long that took, and what stands in the way of the next proof. */
function proofLines(
  proof: DatabaseVerification | undefined,
  now: number,
): readonly (readonly [string, string])[] {
  if (proof === undefined) return []
  const { goodAt, goodBackupId, restoreMs, lastVerdict, wanted, gap, gapDetail } = proof
  const verdict = lastVerdict === 'restored' ? ', without a census' : ''
  return [
    [
      'last verified',
      goodAt === 0
        ? wanted
          ? 'never, though its policy asks for it'
          : 'never'
        : `${instant(goodAt)} (${ago(goodAt, now)}), ${goodBackupId}${verdict}`,
    ],
    ['restore took', goodAt === 0 ? '' : `${shortDuration(restoreMs)} (measured RTO)`],
    ['unproven', gap === '' ? '' : `${gap} · ${gapDetail}`],
  ]
}

/** The last backups as a line, what they began and ended with, and what that comes to; nothing of fewer than two. */
function lately(values: readonly number[], shown: (value: number) => string): string {
  if (values.length < 2) return ''
  const ends = `${shown(values[0] ?? 0)} → ${shown(values.at(-1) ?? 0)}`
  return [`${sparkline(values)}  ${ends}`, change(values)].filter(Boolean).join(', ')
}
