import { LoopShare } from '../../shared/clock/index.ts'
import type { ClusterId } from '../../shared/model/identifiers.ts'
import { isoOf, type Millis } from '../../shared/time/index.ts'
import { type JobSubject, subjectKey } from '../jobs/job.ts'
import { isLimited, openSpans } from '../planner/index.ts'
import { dueSlot } from '../policy/index.ts'
import type { DatabaseRecord } from '../store/records.ts'
import { createJob } from './create-job.ts'
import { type DueItem, DueShortlist } from './due-shortlist.ts'
import { pauseOf } from './pauses.ts'
import { databaseOf, policyOf, subjectOf } from './subject.ts'
import { type Term, write } from './term.ts'

/** Jobs made in one look: a fleet due all at once comes in over several, so that a tick stays short. */
const most = 500
/** Scheduled backups that may wait for a cluster, which does one at a time: enough that none runs dry. */
const waitingPerCluster = 8
const page = 25

interface Due extends DueItem {
  readonly record: DatabaseRecord
}

/**
 * Makes a job for every database whose backup is due by the RPO clock and that has none open (J9), in order of
 * urgency, as long as its cluster's queue is short. What waits out a retry takes no room: it could hold up the rest.
 */
export async function createDue(term: Term): Promise<number> {
  const now = term.clock.now()
  const due = (await mostUrgent(term, now.wall)).flatMap(({ record, dueAt }) => {
    const policy = policyOf(record, term)
    return policy === undefined ? [] : [{ record, at: dueAt, policy }]
  })
  let made = 0
  for (let i = 0; i < due.length; i += page)
    await write(term, 'create-due', async tx => {
      for (const { record, at, policy } of due.slice(i, i + page)) {
        const subject = subjectOf(record)
        // memory follows the commit: the store has the last word on what is open
        if ((await tx.jobs.openFor('backup', subjectKey(subject))) !== undefined) continue
        const { inserted } = await createJob(
          tx,
          {
            order: { kind: 'backup' },
            subject,
            dueSlot: dueSlot(policy.schedule, at),
            dueAt: at,
            origin: 'schedule',
            requestedBy: { kind: 'system', name: '' },
            reason: '',
            policy: { name: policy.name, version: policy.version },
            retry: policy.retry,
            decision: {
              code: 'due',
              text: `policy ${policy.name}: due since ${isoOf(at)}`,
              numbers: { due_at: at, every_ms: policy.schedule.every, rpo_ms: policy.rpo },
            },
          },
          now,
          term,
        )
        if (inserted) made++
      }
    })
  return made
}

/** Whether a job waits for its window: then it takes no place from those that could start. */
function isShut(subject: JobSubject, now: Millis, term: Term): boolean {
  const database = databaseOf(subject, term.fleet)
  const policy = database === undefined ? undefined : policyOf(database, term)
  return policy !== undefined && isLimited(policy) && !openSpans(policy, now).some(span => span.from <= now)
}

async function mostUrgent(term: Term, now: Millis): Promise<readonly Due[]> {
  const waiting = new Map<ClusterId, number>()
  const windowed = term.policies.book.limited
  for (const { kind, state, subject } of term.jobs.all())
    if (
      kind === 'backup' &&
      subject.scope !== 'destination' &&
      state.kind === 'queued' &&
      state.notBefore <= now &&
      !(windowed && isShut(subject, now, term))
    )
      waiting.set(subject.clusterId, (waiting.get(subject.clusterId) ?? 0) + 1)
  const shortlist = new DueShortlist<Due>(id => waitingPerCluster - (waiting.get(id) ?? 0))
  const share = new LoopShare()
  for (const { id: clusterId } of term.fleet.clusters()) {
    if (!shortlist.hasRoom(clusterId)) continue
    for (const { record, state } of term.fleet.databasesOf(clusterId)) {
      if (share.spent) await share.renew()
      const dueAt = state?.nextDueAt
      if (state === undefined || dueAt === undefined || dueAt > now || record.goneSince !== undefined)
        continue
      // no job that could only wait
      if (pauseOf(record, term, now) !== undefined) continue
      if (term.jobs.hasOpen('backup', subjectKey(subjectOf(record)))) continue
      const deadline = (state.lastDataAsOf ?? state.clockFrom) + (state.rpoMs ?? 0)
      shortlist.offer({ id: record.id, clusterId, dueAt, deadline, record })
    }
  }
  return shortlist.take(most)
}
