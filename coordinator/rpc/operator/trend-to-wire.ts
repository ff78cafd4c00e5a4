import type {
  Growth as WireGrowth,
  Trend as WireTrend,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { ReadModel } from '../../store/port.ts'
import type { DatabaseRecord, DatabaseStateRecord, HistoryRecord } from '../../store/records.ts'
import type { Growth } from '../../trends/index.ts'

/**
 * What a database's history says, with the history from `since` on; undefined before its first backup.
 *
 * @param since ms; 0: all that is kept
 */
export async function trendToWire(
  {
    database,
    state,
    history,
  }: {
    readonly database: DatabaseRecord
    readonly state: DatabaseStateRecord | undefined
    readonly history: HistoryRecord | undefined
  },
  read: ReadModel,
  since = 0,
): Promise<WireTrend | undefined> {
  const trend = state?.trend
  if (trend === undefined) return undefined
  const cluster = await read.cluster(database.clusterId)
  const { items: instances } = await read.instances({ size: 1 }, { clusterId: database.clusterId })
  return {
    databaseId: database.id,
    clusterId: database.clusterId,
    scope: database.scope,
    name: database.name,
    service: instances[0]?.service ?? cluster?.name ?? '',
    engine: cluster?.engine ?? '',
    policy: state?.policyName ?? '',
    samples: trend.samples,
    from: trend.from,
    to: trend.to,
    rawBytes: state?.lastRawBytes ?? 0,
    storedBytes: state?.lastStoredBytes ?? 0,
    durationMs: state?.lastDurationMs ?? 0,
    usualRawBytes: trend.usualRawBytes,
    usualStoredBytes: trend.usualStoredBytes,
    usualDurationMs: trend.usualDurationMs,
    p90DurationMs: trend.p90DurationMs,
    rawGrowth: growthToWire(trend.rawGrowth),
    storedGrowth: growthToWire(trend.storedGrowth),
    durationGrowth: growthToWire(trend.durationGrowth),
    allowedMs: state?.allowedMs ?? 0,
    outgrowsAt: state?.outgrowsAt ?? 0,
    points: (history?.samples ?? []).filter(each => each.at >= since),
  }
}

/** Growth by the week. */
export function growthToWire(growth: Growth | undefined): WireGrowth | undefined {
  return growth && { perWeek: Math.round(7 * growth.perDay), steady: growth.steady }
}
