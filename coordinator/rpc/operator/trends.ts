import type { ListTrendsRequest, ListTrendsResponse } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { FleetMap } from '../../fleet/fleet-map.ts'
import type { PageRequest, ReadModel } from '../../store/port.ts'
import { type TrendOrder, trendOrders } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { trendPage } from './fleet-lists.ts'
import { fullPage } from './full-page.ts'
import { filterOf, invalid, pageOf } from './narrow.ts'
import { type Narrowing, narrowingOf } from './selected.ts'
import { trendToWire } from './trend-to-wire.ts'

/** ListTrends: databases that have a history, in the order asked for. */
export function listTrends({ store, operations }: OperatorDeps) {
  return async (request: ListTrendsRequest, { scope }: CallContext): Promise<ListTrendsResponse> => {
    const page = pageOf(request)
    const order = trendOrders.find(each => each === (request.sort === '' ? 'size' : request.sort))
    if (order === undefined)
      throw invalid('sort', `\`${request.sort.slice(0, 80)}\` is no order`, trendOrders.join(', '))
    const filter = filterOf(request, ['since', 'selector'])
    const since = sinceOf(filter.get('since'))
    const narrowing = narrowingOf(filter, scope, operations)
    const fleet = operations.fleet()
    const ask = (page: PageRequest) => store.read.trends(page, order)
    const { items, next } =
      since === 0 && narrowing === undefined
        ? await ask(page)
        : fleet === undefined
          ? await fullPage(page, ask, ({ state }) => (state.trend?.to ?? 0) >= since)
          : await known(fleet, page, order, since, narrowing, store.read)
    const trends = await Promise.all(items.map(each => trendToWire(each, store.read, since)))
    return { trends: trends.filter(each => each !== undefined), nextPageToken: next ?? '' }
  }
}

/** Out of what the leader knows; histories are read for what is shown only. */
async function known(
  fleet: FleetMap,
  page: PageRequest,
  order: TrendOrder,
  since: number,
  narrowing: Narrowing | undefined,
  read: ReadModel,
) {
  const found = trendPage(
    fleet,
    page,
    order,
    ({ record, state }) =>
      (state?.trend?.to ?? 0) >= since && narrowing?.selection.database(record) !== false,
  )
  const items = found.items.map(async ({ record, state }) => ({
    database: record,
    state,
    history: await read.databaseHistory(record.id),
  }))
  return { ...found, items: await Promise.all(items) }
}

function sinceOf(text: string | undefined): number {
  const since = Number(text ?? 0)
  if (!Number.isSafeInteger(since) || since < 0)
    throw invalid('filter', `\`${text}\` is no time`, 'milliseconds since 1970')
  return since
}
