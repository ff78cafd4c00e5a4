import type { ListTrendsRequest, ListTrendsResponse } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { covers } from '../../operations/principal.ts'
import { trendOrders } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { filterOf, invalid, pageOf } from './narrow.ts'
import { trendToWire } from './trend-to-wire.ts'

/** ListTrends: databases that have a history, in the order asked for. */
export function listTrends({ store }: OperatorDeps) {
  return async (request: ListTrendsRequest, { scope }: CallContext): Promise<ListTrendsResponse> => {
    const page = pageOf(request)
    const order = trendOrders.find(each => each === (request.sort === '' ? 'size' : request.sort))
    if (order === undefined)
      throw invalid('sort', `\`${request.sort.slice(0, 80)}\` is no order`, trendOrders.join(', '))
    const since = sinceOf(filterOf(request, ['since']).get('since'))
    const { items, next } = await store.read.trends(page, order)
    const trends = await Promise.all(
      items
        .filter(({ database, state }) => covers(scope, database.clusterId) && (state.trend?.to ?? 0) >= since)
        .map(each => trendToWire(each, store.read, since)),
    )
    return { trends: trends.filter(each => each !== undefined), nextPageToken: next ?? '' }
  }
}

function sinceOf(text: string | undefined): number {
  const since = Number(text ?? 0)
  if (!Number.isSafeInteger(since) || since < 0)
    throw invalid('filter', `\`${text}\` is no time`, 'milliseconds since 1970')
  return since
}
