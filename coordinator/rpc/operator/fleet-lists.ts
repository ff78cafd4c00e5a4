import type { FleetMap, KnownDatabase } from '../../fleet/fleet-map.ts'
import { type PictureOrder, pageOfPicture } from '../../fleet/picture-page.ts'
import type { Page, PageRequest } from '../../store/port.ts'
import type {
  ClusterRecord,
  DatabaseRecord,
  DatabaseStateRecord,
  InstanceRecord,
  TrendOrder,
} from '../../store/records.ts'

/** What databases may be sorted by. */
export const databaseOrders = ['name', 'size', 'age', 'due', 'duration'] as const
export type DatabaseOrder = (typeof databaseOrders)[number]

/** After every time there is. */
const never = Number.MAX_SAFE_INTEGER

const byName: PictureOrder<KnownDatabase> = {
  list: 'known-databases',
  form: ['text', 'text'],
  direction: 'asc',
  keyOf: ({ record }) => [record.name, record.id],
}

const byNumber = (
  list: string,
  direction: 'asc' | 'desc',
  number: (database: KnownDatabase) => number,
): PictureOrder<KnownDatabase> => ({
  list,
  form: ['int', 'text'],
  direction,
  keyOf: each => [number(each), each.record.id],
})

const orders: Readonly<Record<DatabaseOrder, PictureOrder<KnownDatabase>>> = {
  name: byName,
  size: byNumber('databases-by-size', 'desc', ({ record }) => record.sizeBytes),
  // what was never backed up is older than anything
  age: byNumber('databases-by-age', 'asc', ({ state }) => state?.lastDataAsOf ?? 0),
  due: byNumber('databases-by-due', 'asc', ({ state }) => state?.nextDueAt ?? never),
  duration: byNumber('databases-by-duration', 'desc', ({ state }) => state?.lastDurationMs ?? 0),
}

const trendNumbers: Readonly<Record<TrendOrder, (database: KnownDatabase) => number | undefined>> = {
  size: ({ state }) => (state?.trend === undefined ? undefined : state.lastRawBytes),
  stored: ({ state }) => (state?.trend === undefined ? undefined : state.lastStoredBytes),
  growth: ({ state }) => daily(state?.trend?.rawGrowth),
  duration: ({ state }) => (state?.trend === undefined ? undefined : state.lastDurationMs),
  'duration-growth': ({ state }) => daily(state?.trend?.durationGrowth),
  outgrows: ({ state }) => state?.outgrowsAt,
}

/** Databases that the leader knows, sorted and sifted in memory. */
export function databasePage(
  fleet: FleetMap,
  page: PageRequest,
  order: DatabaseOrder,
  keep: (database: KnownDatabase) => boolean,
): Page<{ readonly database: DatabaseRecord; readonly state?: DatabaseStateRecord }> {
  const found = pageOfPicture(fleet.databases(), orders[order], page, keep)
  return { ...found, items: found.items.map(({ record, ...rest }) => ({ database: record, ...rest })) }
}

/** Databases that have a trend of that kind, gone ones left out. */
export function trendPage(
  fleet: FleetMap,
  page: PageRequest,
  order: TrendOrder,
  keep: (database: KnownDatabase) => boolean,
): Page<KnownDatabase> {
  const number = trendNumbers[order]
  return pageOfPicture(
    fleet.databases(),
    byNumber(`known-trends-${order}`, order === 'outgrows' ? 'asc' : 'desc', each => number(each) ?? 0),
    page,
    each => each.record.goneSince === undefined && number(each) !== undefined && keep(each),
  )
}

/** Servers that the leader knows, by discovery key. */
export function instancePage(
  fleet: FleetMap,
  page: PageRequest,
  keep: (instance: InstanceRecord) => boolean,
): Page<InstanceRecord> {
  return pageOfPicture(
    fleet.instances(),
    { list: 'known-instances', form: ['text'], direction: 'asc', keyOf: each => [each.discoveryKey] },
    page,
    keep,
  )
}

/** Clusters that the leader knows, by name. */
export function clusterPage(
  fleet: FleetMap,
  page: PageRequest,
  keep: (cluster: ClusterRecord) => boolean,
): Page<ClusterRecord> {
  return pageOfPicture(
    fleet.clusters(),
    {
      list: 'known-clusters',
      form: ['text', 'text'],
      direction: 'asc',
      keyOf: each => [each.name, each.id],
    },
    page,
    keep,
  )
}

function daily(growth: { readonly perDay: number } | undefined): number | undefined {
  return growth === undefined ? undefined : Math.round(growth.perDay)
}
