import type { Millis } from '../../shared/time/index.ts'
import type { AuditEntry } from '../store/records.ts'

const minute = 60_000
const identitiesAMinute = 200
const everybodyElse = '(others)'

/** Somebody was refused for want of a right, a valid identity or a current term. */
export interface SecurityRefusal {
  readonly at: Millis
  /** Who it claimed to be: agent id, certificate subject, peer address. */
  readonly identity: string
  /** An error code or another short word of a closed set. */
  readonly reason: string
  /** What it wanted: an RPC, a message kind. */
  readonly subject: string
}

/** Folds refusals into audit entries of class `security`. */
export interface SecurityFold {
  /** The entry to write now: for the first of its (identity, reason, minute); nothing for the others. */
  note(refusal: SecurityRefusal): AuditEntry | undefined
  /** One entry for each (identity, reason) of minutes that are over and that had more than one. */
  due(now: Millis): readonly AuditEntry[]
  /** The same, whatever the time: at the end of a term. */
  rest(): readonly AuditEntry[]
}

interface Folded {
  readonly first: SecurityRefusal
  readonly minute: number
  count: number
  lastAt: Millis
}

/**
 * Refusals folded per (identity, reason, minute), so that a flood cannot fill the store (J8, facts-runtime A10):
 * the first is told at once, the number of the others when the minute is over. Beyond 200 pairs a minute the
 * identities are invented by the flood itself: the rest goes under one name per reason.
 */
export function foldSecurity(): SecurityFold {
  const folds = new Map<string, Folded>()
  const take = (over: (folded: Folded) => boolean) => {
    const entries: AuditEntry[] = []
    for (const [key, folded] of folds) {
      if (!over(folded)) continue
      folds.delete(key)
      if (folded.count > 1) entries.push(repeated(folded))
    }
    return entries
  }
  return {
    note: refusal => {
      const inMinute = Math.floor(refusal.at / minute)
      const keyFor = (identity: string) => JSON.stringify([identity, refusal.reason, inMinute])
      const crowded = !folds.has(keyFor(refusal.identity)) && folds.size >= identitiesAMinute
      const identity = crowded ? everybodyElse : refusal.identity
      const folded = folds.get(keyFor(identity))
      if (folded === undefined) {
        const first = { ...refusal, identity }
        folds.set(keyFor(identity), { first, minute: inMinute, count: 1, lastAt: refusal.at })
        return entryOf(first, refusal.at, 1)
      }
      folded.count += 1
      folded.lastAt = refusal.at
      return undefined
    },
    due: now => take(folded => folded.minute < Math.floor(now / minute)),
    rest: () => take(() => true),
  }
}

/** Says how many there were in all, the first included. */
function repeated({ first, lastAt, count }: Folded): AuditEntry {
  return entryOf(first, lastAt, count)
}

function entryOf(first: SecurityRefusal, at: Millis, count: number): AuditEntry {
  return {
    at,
    class: 'security',
    actor: first.identity,
    action: count === 1 ? 'security.refused' : 'security.refused-repeatedly',
    subject: first.subject,
    reason: first.reason,
    detail: { count },
  }
}
