import type { Duration, Millis } from '../../../shared/time/index.ts'
import type { DatabaseStateRecord } from '../../store/records.ts'
import type { AlertRules } from './settings.ts'

/** Backups that will soon take longer than they may. */
export interface Outgrowing {
  readonly at: Millis
  /** From now; 0: they do already. */
  readonly ahead: Duration
  readonly allowed: Duration
  /** 90th percentile of what they take now. */
  readonly takes: Duration
  /** Milliseconds a day. */
  readonly perDay: number
}

/**
 * Whether a database outgrows the time its policy allows so soon that somebody should know. Once told, it is over only
 * when the forecast is half as far again: one that wavers is told once.
 */
export function outgrowing(
  state: Pick<DatabaseStateRecord, 'trend' | 'allowedMs' | 'outgrowsAt'> | undefined,
  told: boolean,
  now: Millis,
  { ahead: horizon }: AlertRules['outgrow'],
): Outgrowing | undefined {
  const { trend, allowedMs, outgrowsAt } = state ?? {}
  if (trend?.durationGrowth === undefined || allowedMs === undefined || outgrowsAt === undefined)
    return undefined
  const ahead = Math.max(0, outgrowsAt - now)
  if (ahead > horizon * (told ? 1.5 : 1)) return undefined
  return {
    at: outgrowsAt,
    ahead,
    allowed: allowedMs,
    takes: trend.p90DurationMs,
    perDay: trend.durationGrowth.perDay,
  }
}
