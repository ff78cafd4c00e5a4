import { keyOf } from '../alerts/rules/keys.ts'
import { isEnded } from '../jobs/job.ts'
import type { LackingBackup } from '../store/port.ts'
import { overdueAfter, presentCopies } from './copies.ts'
import { createCopyJob } from './create-copy-job.ts'
import { tellFact } from './tell-fact.ts'
import { type Term, write } from './term.ts'

/** Missing copies looked at, and jobs made, in one look. */
const looked = 1_000
const most = 20
/**
 * Sees to the copies that policies ask for and that are not there: makes a copy job for each (J9: one a copy),
 * and tells of those that are overdue, once a database, until none is.
 */
export class CopyWatch {
  readonly #term: Term
  #told: Set<string> | undefined

  constructor(term: Term) {
    this.#term = term
  }

  /** Resolves with how many jobs were made. */
  async run(): Promise<number> {
    const { store, clock } = this.#term
    const now = clock.now().wall
    const lacking = (await store.read.missingCopies(looked)).filter(
      ({ backup }) => backup.deletion === undefined,
    )
    await this.#tell(lacking, now)
    let made = 0
    for (const { backup, copy } of lacking) {
      if (made >= most) break
      if (
        copy.nextAt <= now &&
        (await this.#isFree(copy.jobId)) &&
        (await this.#copy(backup.id, copy.destination))
      )
        made++
    }
    return made
  }

  async #isFree(jobId: LackingBackup['copy']['jobId']): Promise<boolean> {
    const job = jobId === undefined ? undefined : await this.#term.store.read.job(jobId)
    return job === undefined || isEnded(job.state)
  }

  #copy(backupId: LackingBackup['backup']['id'], destination: string): Promise<boolean> {
    const term = this.#term
    const { destinations } = term.settings
    if (!destinations.has(destination)) return Promise.resolve(false)
    return write(term, 'copy', async tx => {
      const backup = await tx.backups.get(backupId)
      const copy = backup?.copies.find(each => each.destination === destination)
      if (backup === undefined || backup.deletion !== undefined) return false
      if (copy === undefined || copy.state === 'present') return false
      if (!presentCopies(backup).some(each => destinations.has(each.destination))) return false
      const now = term.clock.now()
      const { inserted } = await createCopyJob(
        tx,
        backup,
        destination,
        {
          origin: 'schedule',
          requestedBy: { kind: 'system', name: '' },
          reason: '',
          decision: {
            code: 'copy-missing',
            text: `${destination} lacks its copy of ${backup.subjectName}${copy.failure === undefined ? '' : `: ${copy.failure.message}`}`,
            numbers: { missing_since: copy.since },
          },
        },
        now,
        term,
      )
      return inserted
    })
  }

  async #tell(lacking: readonly LackingBackup[], now: number): Promise<void> {
    const term = this.#term
    this.#told ??= new Set(
      (await term.store.read.openAlerts())
        .map(each => each.dedupKey)
        .filter(key => key.startsWith(keyOf.copiesMissing(''))),
    )
    const told = this.#told
    const overdue = new Map<string, { readonly name: string; readonly where: Set<string>; backups: number }>()
    for (const { backup, copy } of lacking) {
      if (copy.since + overdueAfter > now) continue
      const key = keyOf.copiesMissing(backup.databaseIds[0] ?? backup.clusterId)
      const entry = overdue.get(key) ?? { name: backup.subjectName, where: new Set(), backups: 0 }
      entry.where.add(copy.destination)
      entry.backups++
      overdue.set(key, entry)
    }
    const changed = new Set([...overdue.keys(), ...told])
    for (const key of changed) {
      const entry = overdue.get(key)
      if (entry !== undefined && told.has(key)) continue
      await write(term, 'copies-missing', tx =>
        tellFact(
          tx,
          {
            kind: 'copies-missing',
            subject: key.slice(keyOf.copiesMissing('').length),
            name: entry?.name ?? '',
            missing: entry?.backups ?? 0,
            destinations: [...(entry?.where ?? [])].sort(),
          },
          now,
          term,
        ),
      )
      if (entry === undefined) told.delete(key)
      else told.add(key)
    }
  }
}
