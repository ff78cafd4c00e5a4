import type { Duration } from '../../../shared/time/index.ts'
import type { Severity } from './severity.ts'

/** Beyond this a store refuses what was signed (15 min), and not long before. */
const critical: Duration = 10 * 60_000

/**
 * Whether an agent's clock is too far from ours, and how bad that is. Once told, it is over only below half of the
 * limit, so that a clock at the limit does not come and go.
 *
 * @param told whether its alert is open
 */
export function clockIsOff(offset: Duration, limit: Duration, told: boolean): Severity | undefined {
  const distance = Math.abs(offset)
  if (distance >= Math.max(critical, limit)) return 'critical'
  return distance > (told ? limit / 2 : limit) ? 'warning' : undefined
}
