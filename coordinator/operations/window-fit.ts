import { type Duration, formatDuration, isoOf, type Millis } from '../../shared/time/index.ts'
import { isLimited, openingOf, openSpans } from '../planner/index.ts'
import type { Policy } from '../policy/index.ts'

/** What a policy's windows make of a due time. */
export interface WindowFit {
  /** When a job is to be made; absent: it fits into no window. */
  readonly dueAt?: Millis
  /** Why its windows cannot keep the promise. The window wins, and that is said at once (facts-runtime H3). */
  readonly tooSmall?: string
}

/** When what is due at `dueAt` may start inside the windows of its policy. Depends on facts, not on `now`. */
export function windowFit(policy: Policy, dueAt: Millis, deadline: Millis, p90: Duration): WindowFit {
  if (!isLimited(policy)) return { dueAt }
  const opening = openingOf(openSpans(policy, dueAt), dueAt, p90, policy.mustFinish ?? true)
  switch (opening.kind) {
    case 'open':
      return { dueAt }
    case 'never':
      return {
        tooSmall: `it is predicted to take ${formatDuration(rounded(p90))}, its longest window is open for ${formatDuration(opening.longest)}`,
      }
    case 'later': {
      const { at } = opening
      // one that would be late without a window, too, is not late because of it
      const late = at + p90 > deadline && dueAt + p90 <= deadline
      return {
        dueAt: at,
        ...(late ? { tooSmall: `due ${isoOf(dueAt)}, its next window opens ${isoOf(at)}: too late` } : {}),
      }
    }
  }
}

function rounded(duration: Duration): Duration {
  return Math.max(1_000, Math.round(duration / 60_000) * 60_000)
}
