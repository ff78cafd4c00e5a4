import type { IdentityEvidence } from '../../shared/model/engine.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { SeenEvidence } from '../store/records.ts'

/** More than any honest server shows over its life; the oldest go first. */
const bound = 32

/**
 * Adds what was seen at `at` to what was seen before (architecture §3): evidence is kept with first and last
 * seen, never replaced, so that a server which became another one shows. `freshness` keeps a look that found
 * nothing new from being written: a last-seen younger than that stays as it is.
 */
export function mergeEvidence(
  before: readonly SeenEvidence[],
  seen: readonly IdentityEvidence[],
  at: Millis,
  freshness: number,
): readonly SeenEvidence[] {
  const merged = before.map(known =>
    seen.some(each => same(each, known)) && at - known.lastSeenAt >= freshness
      ? { ...known, lastSeenAt: at }
      : known,
  )
  for (const each of seen)
    if (!merged.some(known => same(each, known)))
      merged.push({ kind: each.kind, value: each.value, firstSeenAt: at, lastSeenAt: at })
  return merged.length <= bound
    ? merged
    : merged.toSorted((a, b) => b.lastSeenAt - a.lastSeenAt).slice(0, bound)
}

function same(a: IdentityEvidence, b: IdentityEvidence): boolean {
  return a.kind === b.kind && a.value === b.value
}
