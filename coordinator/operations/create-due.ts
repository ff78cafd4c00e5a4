import { isoOf } from '../../shared/time/index.ts'
import { subjectKey } from '../jobs/job.ts'
import { dueSlot } from '../policy/index.ts'
import { createJob } from './create-job.ts'
import { policyOf, subjectOf } from './subject.ts'
import { type Term, write } from './term.ts'

/** Jobs made in one look: a fleet due all at once comes in over several, so that a tick stays short. */
const most = 500
const page = 50

/** Makes a job for every database whose backup is due by the RPO clock and that has none open (J9). */
export async function createDue(term: Term): Promise<number> {
  const now = term.clock.now()
  const due = term.fleet
    .dueBy(now.wall)
    .flatMap(({ record, state }) => {
      const at = state?.nextDueAt
      if (at === undefined || record.goneSince !== undefined) return []
      if (term.jobs.hasOpen('backup', subjectKey(subjectOf(record)))) return []
      const policy = policyOf(record, term)
      return policy === undefined ? [] : [{ record, at, policy }]
    })
    .sort((a, b) => a.at - b.at || (a.record.id < b.record.id ? -1 : 1))
    .slice(0, most)
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
