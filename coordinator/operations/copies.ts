import type { BackupId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { Job } from '../jobs/job.ts'
import type { Policy } from '../policy/policy.ts'
import type { WriteTx } from '../store/port.ts'
import type { BackupRecord, CopyRecord, MissingCopy } from '../store/records.ts'
import type { ReportedResult } from './result.ts'
import type { Term } from './term.ts'

/** Between two jobs for a copy that cannot be made, ms. */
const longestWait = 6 * 3_600_000
/** A copy that is missing for so long is told of, ms: until then its job may still make it. */
export const overdueAfter = 3_600_000
/** More destinations than any policy has. */
const most = 16

/** Destinations a policy wants a copy in, the first first; empty when it asks for one only. */
export function wantedBy(policy: Policy | undefined): readonly string[] {
  return policy?.copies === undefined ? [] : [policy.destination, ...policy.copies.destinations]
}

/** The copies of a backup as its result tells them, and those its policy wants besides: missing from now on. */
export function copiesOf(
  result: ReportedResult,
  wanted: readonly string[],
  at: Millis,
  term: Pick<Term, 'settings'>,
): readonly CopyRecord[] {
  const copies = new Map<string, CopyRecord>()
  const common = (destination: string) => ({
    destination,
    url: term.settings.destinations.get(destination)?.url ?? '',
    manifestKey: result.manifestKey,
  })
  const missing = (destination: string): MissingCopy => ({
    ...common(destination),
    state: 'missing',
    since: at,
    nextAt: at,
  })
  // the one whose manifest was read back and sent along (J5)
  copies.set(result.destination, { ...common(result.destination), state: 'present', verifiedAt: at })
  for (const { destination, state, failure } of result.copies.slice(0, most)) {
    if (copies.get(destination)?.state === 'present' || !isName(destination)) continue
    copies.set(
      destination,
      state === 'present'
        ? { ...common(destination), state, verifiedAt: at }
        : { ...missing(destination), ...(failure === undefined ? {} : { failure }) },
    )
  }
  for (const destination of wanted)
    if (!copies.has(destination)) copies.set(destination, missing(destination))
  return [...copies.values()]
}

/** The copies that are there. */
export function presentCopies(backup: Pick<BackupRecord, 'copies'>): readonly CopyRecord[] {
  return backup.copies.filter(each => each.state === 'present')
}

/** A copy job ended without a copy: the copy is tried again later, by another job. */
export async function noteFailedCopy(tx: WriteTx, job: Job, at: Millis, term: Term): Promise<void> {
  if (job.order.kind !== 'copy' || (job.state.kind !== 'failed' && job.state.kind !== 'cancelled')) return
  const copy = await copyOf(tx, job.order.backupId, job.order.destination)
  if (copy === undefined || copy.state === 'present' || copy.jobId !== job.id) return
  const { jobId: _, failure, ...rest } = copy
  const why = job.state.kind === 'failed' ? job.state.failure : failure
  await tx.backups.putCopy(job.order.backupId, {
    ...rest,
    state: 'failed',
    // the longer it has failed, the less often it is tried
    nextAt: at + Math.min(Math.max(at - copy.since, term.settings.times.debrisRetry), longestWait),
    ...(why === undefined ? {} : { failure: why }),
  })
}

async function copyOf(tx: WriteTx, id: BackupId, destination: string): Promise<CopyRecord | undefined> {
  return (await tx.backups.get(id))?.copies.find(each => each.destination === destination)
}

function isName(text: string): boolean {
  return text !== '' && text.length <= 200
}
