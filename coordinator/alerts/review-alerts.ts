import type { AlertId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { WriteTx } from '../store/port.ts'
import type { AlertRecord } from '../store/records.ts'
import type { AlertBook } from './book.ts'
import { enqueue } from './outbox.ts'
import { type RecordContext, recordDecision, resolveKey } from './record.ts'
import { type ReviewStep, review } from './rules/review.ts'
import type { AlertRules } from './rules/settings.ts'

/** What a review works with. */
export interface ReviewDeps {
  readonly book: AlertBook
  readonly rules: AlertRules
  readonly newAlertId: () => AlertId
  readonly write: (label: string, step: (tx: WriteTx) => Promise<void>) => Promise<void>
}

/** A look finds nothing more after this many, or something is wrong. */
const mostLooks = 5
/** Alerts changed in one transaction. */
const page = 50

/** What facts are recorded with while the book is kept. */
export function recordContext(
  deps: Pick<ReviewDeps, 'book' | 'rules' | 'newAlertId'>,
  now: Millis,
): RecordContext & Required<Pick<RecordContext, 'committed'>> {
  return {
    rules: deps.rules,
    newAlertId: deps.newAlertId,
    silences: deps.book.silences(now),
    committed: alert => deps.book.set(alert),
  }
}

/**
 * Looks at all open alerts and does what the rules say: who is told, what explains what, what many of a kind are
 * one. Returns how many alerts changed; the caller then wakes the delivery.
 */
export async function reviewAlerts(deps: ReviewDeps, now: Millis): Promise<number> {
  let changed = 0
  for (let look = 0; look < mostLooks; look++) {
    const steps = review(deps.book.all(), deps.rules, deps.book.silences(now), now)
    if (steps.length === 0) break
    changed += steps.length
    for (let i = 0; i < steps.length; i += page) {
      const context = recordContext(deps, now)
      await deps.write('review-alerts', async tx => {
        for (const step of steps.slice(i, i + page)) await apply(tx, step, now, context)
      })
    }
  }
  return changed
}

async function apply(tx: WriteTx, step: ReviewStep, now: Millis, context: RecordContext): Promise<void> {
  switch (step.kind) {
    case 'open':
      await recordDecision(tx, step.decision, now, context)
      return
    case 'resolve':
      await resolveKey(tx, step.alert.dedupKey, step.summary, now, context, 'calm')
      return
    case 'change':
      return change(tx, step, now, context)
  }
}

async function change(
  tx: WriteTx,
  { before, after, family, messages }: Extract<ReviewStep, { kind: 'change' }>,
  now: Millis,
  { committed }: RecordContext,
): Promise<void> {
  const standing = await tx.alerts.openByKey(before.dedupKey)
  // it ended, or came anew, since we looked: the next look sees that
  if (standing === undefined || standing.id !== before.id) return
  const alert = changedBy(standing, before, after)
  await tx.alerts.put(alert)
  if (committed !== undefined) tx.afterCommit(() => committed(alert))
  for (const { channel, event } of messages)
    await enqueue(tx, { event, alert, summary: alert.summary, channel, now, family })
}

/** Only what the review changed: what was written to it since we looked stays. */
function changedBy(standing: AlertRecord, before: AlertRecord, after: AlertRecord): AlertRecord {
  const result: Record<string, unknown> = { ...standing }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof AlertRecord>)
    if (before[key] !== after[key]) {
      if (after[key] === undefined) delete result[key]
      else result[key] = after[key]
    }
  return result as unknown as AlertRecord
}
