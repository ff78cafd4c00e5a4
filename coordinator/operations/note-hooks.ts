import type { Now } from '../../shared/time/index.ts'
import { keyOf } from '../alerts/rules/keys.ts'
import type { Job } from '../jobs/job.ts'
import type { WriteTx } from '../store/port.ts'
import type { AttemptHook, AttemptRecord } from '../store/records.ts'
import { aboutDatabase } from './about.ts'
import { noteWarnings } from './note-warnings.ts'
import { databaseOf, nameOf } from './subject.ts'
import { tellFact } from './tell-fact.ts'
import type { Term } from './term.ts'

/**
 * Writes down what the hooks around an attempt did, and tells people of those behind it that did not end well: the
 * backup is as good as it was, what the hook should have put back may not be. One before it that failed is the
 * attempt's own failure.
 */
export async function noteHooks(
  tx: WriteTx,
  row: AttemptRecord,
  job: Job | undefined,
  hooks: readonly AttemptHook[],
  now: Now,
  term: Term,
): Promise<void> {
  const database = job === undefined ? undefined : databaseOf(job.subject, term.fleet)
  if (hooks.length > 0) {
    const fresh = (await tx.attempts.get(row.id)) ?? row
    await tx.attempts.update({ ...fresh, hooks })
  }
  const failed = hooks.filter(({ moment, outcome }) => moment !== 'before' && outcome !== 'succeeded')
  await noteWarnings(
    tx,
    row.jobId,
    failed.map(({ name, moment, detail }) => `hook ${name} (${moment}) ${detail}`),
    now,
  )
  const open = database !== undefined && term.alerts.get(keyOf.hookFailed(database.id)) !== undefined
  if (database === undefined || (failed.length === 0 && !open)) return
  await tellFact(
    tx,
    {
      kind: 'hooks',
      databaseId: database.id,
      name: nameOf(database, term.fleet),
      jobId: row.jobId,
      hostname: term.live.record(row.agentId)?.hostname ?? row.agentId,
      failed: failed.map(({ name, outcome, detail }) => ({ name, outcome, detail })),
      about: aboutDatabase(database, term),
    },
    now.wall,
    term,
  )
}
