import type { GetPlanRequest, GetPlanResponse } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { covers } from '../../operations/principal.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { invalid } from './narrow.ts'

const day = 86_400_000
const longest = 7 * day
const largestFile = 65_536

/** GetPlan: the forecast, of what the caller may see. */
export function getPlan({ operations }: OperatorDeps) {
  return async (request: GetPlanRequest, { scope, signal }: CallContext): Promise<GetPlanResponse> => {
    const { at, horizonMs, whatIf, limit } = request
    if (horizonMs < 0 || horizonMs > longest)
      throw invalid('horizon_ms', `${horizonMs} is out of range`, 'milliseconds up to 7 days; 0 is 24 hours')
    if (limit < 0 || limit > 2_000)
      throw invalid('limit', `${limit} is out of range`, 'a number from 0 to 2000; 0 is 200')
    if (at < 0) throw invalid('at', `${at} is negative`, 'milliseconds since 1970; 0 is now')
    if (whatIf.length > largestFile)
      throw invalid('what_if', `is ${whatIf.length} bytes long`, `at most ${largestFile} bytes`)
    const plan = await operations.forecast(
      {
        ...(at === 0 ? {} : { from: at }),
        horizon: horizonMs === 0 ? day : horizonMs,
        limit: limit === 0 ? 200 : limit,
        whatIf,
      },
      signal,
    )
    const seen = <T extends { readonly clusterId?: Parameters<typeof covers>[1] }>(each: T) =>
      covers(scope, each.clusterId)
    const runs = plan.runs.filter(seen)
    const misses = plan.misses.filter(seen)
    return {
      madeAt: plan.madeAt,
      from: plan.from,
      until: plan.until,
      // whoever sees a part of the fleet is not told how much there is beside it
      runsTotal: runs.length < plan.runs.length ? runs.length : plan.runsTotal,
      missesTotal: misses.length < plan.misses.length ? misses.length : plan.missesTotal,
      runs: runs.map(each => ({
        subjectName: each.name,
        databaseId: each.databaseId ?? '',
        clusterId: each.clusterId ?? '',
        agentId: each.agentId,
        agentHost: each.host,
        destination: each.destination,
        dueAt: each.dueAt,
        startsAt: each.startsAt,
        endsAt: each.endsAt,
        deadline: each.deadline,
        running: each.running,
      })),
      misses: misses.map(each => ({
        subjectName: each.name,
        databaseId: each.databaseId ?? '',
        clusterId: each.clusterId ?? '',
        destination: each.destination,
        dueAt: each.dueAt,
        deadline: each.deadline,
        endsAt: each.endsAt ?? 0,
        code: each.code,
        text: each.text,
      })),
    }
  }
}
