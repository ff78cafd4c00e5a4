import type { Command } from 'commander'
import { AppError } from '../../shared/errors/index.ts'
import {
  type ListDestinationsResponse,
  type ListTrendsResponse,
  StoredDestination,
  Trend,
} from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { type ListRequest, list, paged, selected, selectorOf } from '../list.ts'
import { growthText, outgrowsIn } from '../print/outlook.ts'
import { sparkline } from '../print/sparkline.ts'
import { type Column, table } from '../print/table.ts'
import { ago, bytes, shortDuration } from '../print/units.ts'
import { timeOf } from '../time-options.ts'

/** What a report may be sorted by, by the name people give: the coordinator's name. The first is the default. */
type Orders = Readonly<Record<string, string>>

interface Report {
  readonly name: string
  readonly summary: string
  readonly examples: readonly string[]
  readonly orders: Orders
  readonly columns: (terminal: Terminal) => readonly Column<Trend>[]
}

/** `holdfast report sizes|durations|destinations`: what backups usually are, and where they are going. */
export function reportCommand(terminal: Terminal): Command {
  return noun('report', 'how large backups are, how long they take, and how that grows', [
    reporting(terminal, {
      name: 'sizes',
      summary: 'list databases by the size of their backups and its growth',
      examples: ['holdfast report sizes', 'holdfast report sizes --sort growth --since 30d -o csv'],
      orders: { size: 'size', stored: 'stored', growth: 'growth' },
      columns: sizes,
    }),
    reporting(terminal, {
      name: 'durations',
      summary: 'list databases by how long their backups take, and what they will outgrow',
      examples: ['holdfast report durations', 'holdfast report durations --sort outgrows -o json'],
      orders: { duration: 'duration', growth: 'duration-growth', outgrows: 'outgrows' },
      columns: durations,
    }),
    destinations(terminal),
  ])
}

function reporting(terminal: Terminal, { name, summary, examples, orders, columns }: Report): Command {
  const names = Object.keys(orders)
  return leaf(
    terminal,
    { name, summary, examples },
    command =>
      selected(paged(command))
        .option('--since <time>', 'history from then on: ISO 8601, or how long ago, such as 30d')
        .option('--sort <order>', `${names.join(', ')}`, names[0]),
    async (session, _args, options) => {
      const sort = orders[String(options.sort)]
      if (sort === undefined)
        throw new AppError('usage.invalid', {
          message: `--sort: \`${String(options.sort)}\` is no order of this report`,
          hint: `There are ${names.join(', ')}.`,
        })
      const since = timeOf('--since', options.since, terminal.now())
      const ask = (request: ListRequest) => session.coordinator.ask('listTrends', { ...request, sort })
      await list<ListTrendsResponse, Trend | Row>(
        session,
        options,
        { since: since === undefined ? undefined : String(since), ...selectorOf(options) },
        ask,
        {
          // a row of CSV is one database; its history would be a cell nobody can read
          rowsOf: ({ trends }) => (options.output === 'csv' ? trends.map(asRow) : trends),
          key: 'trends',
          like: asRow(Trend.fromPartial({ rawGrowth: {}, storedGrowth: {}, durationGrowth: {} })),
          none: 'no database has a backup yet whose size was kept',
          table: rows => table(rows as readonly Trend[], columns(terminal), terminal.width),
        },
      )
    },
  )
}

function destinations(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'destinations',
      summary: 'list destinations by name: what they hold, how that grows, and what it will come to',
      examples: ['holdfast report destinations', 'holdfast report destinations -o csv'],
    },
    paged,
    async (session, _args, options) => {
      const ask = (request: ListRequest) => session.coordinator.ask('listDestinations', request)
      await list<ListDestinationsResponse, StoredDestination | ReturnType<typeof destinationRow>>(
        session,
        options,
        {},
        ask,
        {
          rowsOf: answer =>
            options.output === 'csv' ? answer.destinations.map(destinationRow) : answer.destinations,
          key: 'destinations',
          like: destinationRow(StoredDestination.fromPartial({ growth: {} })),
          none: 'no destination holds a copy yet',
          table: rows => table(rows as readonly StoredDestination[], destinationColumns, terminal.width),
        },
      )
    },
  )
}

const forecast = (bytesThen: number, { growth }: StoredDestination) => (growth ? bytes(bytesThen) : '-')

const destinationColumns: readonly Column<StoredDestination>[] = [
  { heading: 'DESTINATION', value: each => each.name, shrinkTo: 11 },
  { heading: 'COPIES', value: each => String(each.copies), align: 'right' },
  { heading: 'STORED', value: each => bytes(each.storedBytes), align: 'right' },
  { heading: 'A WEEK', value: each => growthText(each.growth, bytes), align: 'right' },
  { heading: 'IN 30 DAYS', value: each => forecast(each.monthAheadBytes, each), align: 'right' },
  { heading: 'IN 90 DAYS', value: each => forecast(each.quarterAheadBytes, each), align: 'right' },
  { heading: 'COURSE', value: ({ points }) => courseOf(points, point => point.storedBytes), drop: 1 },
]

/** A destination without its points, and growth as cells. */
function destinationRow({ points: _, growth, ...flat }: StoredDestination) {
  return { ...flat, storedBytesPerWeek: growth?.perWeek ?? '', steady: growth?.steady ?? '' }
}

const named = [
  {
    heading: 'DATABASE',
    value: trend => (trend.scope === 'cluster' ? '(globals)' : trend.name),
    shrinkTo: 10,
  },
  { heading: 'ID', value: trend => trend.databaseId, wide: true },
  { heading: 'SERVICE', value: trend => trend.service, shrinkTo: 6 },
  { heading: 'POLICY', value: trend => trend.policy || '-', wide: true },
] as const satisfies readonly Column<Trend>[]

function sizes({ now }: Terminal): readonly Column<Trend>[] {
  return [
    ...named,
    { heading: 'SIZE', value: trend => bytes(trend.rawBytes), align: 'right' },
    { heading: 'USUALLY', value: trend => bytes(trend.usualRawBytes), align: 'right' },
    { heading: 'STORED', value: trend => bytes(trend.storedBytes), align: 'right' },
    { heading: 'A WEEK', value: trend => growthText(trend.rawGrowth, bytes), align: 'right' },
    { heading: 'CHANGE', value: trend => changeOf(trend), align: 'right' },
    { heading: 'COURSE', value: ({ points }) => courseOf(points, point => point.rawBytes), drop: 1 },
    { heading: 'SINCE', value: trend => ago(trend.points[0]?.at ?? 0, now()) },
  ]
}

function durations({ now }: Terminal): readonly Column<Trend>[] {
  return [
    ...named,
    { heading: 'LAST', value: trend => shortDuration(trend.durationMs), align: 'right' },
    { heading: 'USUALLY', value: trend => shortDuration(trend.usualDurationMs), align: 'right' },
    { heading: '9 OF 10', value: trend => shortDuration(trend.p90DurationMs), align: 'right' },
    { heading: 'A WEEK', value: trend => growthText(trend.durationGrowth, shortDuration), align: 'right' },
    {
      heading: 'MAY TAKE',
      value: trend => (trend.allowedMs === 0 ? '-' : shortDuration(trend.allowedMs)),
      align: 'right',
    },
    { heading: 'COURSE', value: ({ points }) => courseOf(points, point => point.durationMs), drop: 1 },
    { heading: 'OUTGROWN', value: trend => outgrowsIn(trend, now()) || '-' },
  ]
}

/** The history shown as a line of twelve columns at most: each the middle one of its share. */
function courseOf<P>(points: readonly P[], value: (point: P) => number): string {
  const columns = Math.min(points.length, 12)
  const share = points.length / columns
  const picked = Array.from({ length: columns }, (_, i) => points[Math.floor((i + 0.5) * share)])
  return sparkline(picked.map(point => (point === undefined ? 0 : value(point))))
}

/** From the first to the last of the history shown, in percent. */
function changeOf({ points }: Trend): string {
  const first = points[0]?.rawBytes ?? 0
  const last = points.at(-1)?.rawBytes ?? 0
  if (points.length < 2 || first === 0) return '-'
  const percent = Math.round((last / first - 1) * 100)
  return `${percent > 0 ? '+' : ''}${percent} %`
}

type Row = ReturnType<typeof asRow>

/** A trend without what a row has no cell for. */
function asRow(trend: Trend) {
  const { points: _, rawGrowth, storedGrowth, durationGrowth, ...flat } = trend
  return {
    ...flat,
    rawBytesPerWeek: rawGrowth?.perWeek ?? '',
    storedBytesPerWeek: storedGrowth?.perWeek ?? '',
    durationMsPerWeek: durationGrowth?.perWeek ?? '',
    rawSteady: rawGrowth?.steady ?? '',
    storedSteady: storedGrowth?.steady ?? '',
    durationSteady: durationGrowth?.steady ?? '',
  }
}
