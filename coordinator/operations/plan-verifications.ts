import { LoopShare } from '../../shared/clock/index.ts'
import { formatDuration, isoOf } from '../../shared/time/index.ts'
import { isEnded, subjectKey } from '../jobs/job.ts'
import type { PolicyVerification } from '../policy/index.ts'
import type { DatabaseRecord } from '../store/records.ts'
import { compareDue, fitOf, isBad, type VerificationDue, verificationDue } from '../verification/index.ts'
import { createVerifyJob } from './create-verify-job.ts'
import { destinationsWith } from './leaving.ts'
import { pauseOf } from './pauses.ts'
import { policyOf, subjectOf } from './subject.ts'
import { type Term, write } from './term.ts'

/** Verifications that may be open for each agent that can do one: no verifier runs dry, and no queue grows old. */
const openPerVerifier = 2
/** Jobs made in one look. */
const most = 50

interface Due {
  readonly record: DatabaseRecord
  readonly policy: PolicyVerification
  readonly due: VerificationDue
}

/**
 * Makes a job for every database whose newest good backup is due to be proven by a restore (P5), the most urgent
 * first, as many as its verifiers take. Where nobody can verify, none is made that could only wait: the ledger says so.
 */
export class VerificationWatch {
  readonly #term: Term

  constructor(term: Term) {
    this.#term = term
  }

  /** Resolves with how many jobs were made. */
  async run(): Promise<number> {
    const room = this.#room()
    if (room.size === 0) return 0
    const due = (await this.#due(room)).sort((a, b) => compareDue(a.due, b.due))
    let made = 0
    for (const each of due) {
      if (made >= most) break
      const engine = this.#term.fleet.cluster(each.record.clusterId)?.engine ?? ''
      const left = room.get(engine) ?? 0
      if (left <= 0) continue
      if (!(await this.#make(each))) continue
      made++
      room.set(engine, left - 1)
    }
    return made
  }

  /** How many more jobs may be open, by engine. */
  #room(): Map<string, number> {
    const { live, jobs, clock } = this.#term
    const now = clock.now()
    const room = new Map<string, number>()
    for (const { id, verifyServers = [] } of live.verifiers()) {
      if (!live.isConnected(id) || live.isSilent(id, now)) continue
      for (const engine of new Set(verifyServers.map(each => each.engine)))
        room.set(engine, (room.get(engine) ?? 0) + openPerVerifier)
    }
    for (const { order, state } of jobs.all())
      if (order.kind === 'verify' && !isEnded(state))
        room.set(order.engine, (room.get(order.engine) ?? 0) - 1)
    for (const [engine, left] of room) if (left <= 0) room.delete(engine)
    return room
  }

  async #due(room: ReadonlyMap<string, number>): Promise<Due[]> {
    const term = this.#term
    const now = term.clock.now().wall
    const found: Due[] = []
    const share = new LoopShare()
    for (const { record, state } of term.fleet.databases()) {
      if (share.spent) await share.renew()
      const newest = state?.lastBackupId
      const wantedSince = state?.verification?.wantedSince
      // the review of promises writes down since when it is asked for; what is dropped or paused waits
      if (newest === undefined || wantedSince === undefined || record.goneSince !== undefined) continue
      if (!room.has(term.fleet.cluster(record.clusterId)?.engine ?? '')) continue
      const policy = policyOf(record, term)?.verification
      if (policy === undefined || pauseOf(record, term, now) !== undefined) continue
      const due = verificationDue({
        databaseId: record.id,
        ...policy,
        wantedSince,
        newest,
        verification: state?.verification,
      })
      if (due.dueAt > now || term.jobs.hasOpen('verify', subjectKey(subjectOf(record)))) continue
      found.push({ record, policy, due })
    }
    return found
  }

  #make({ record, policy, due }: Due): Promise<boolean> {
    const term = this.#term
    return write(term, 'verification', async tx => {
      const state = await tx.databases.state(record.id)
      const backup = state?.lastBackupId === undefined ? undefined : await tx.backups.get(state.lastBackupId)
      if (backup === undefined || backup.deletion !== undefined || isBad(backup)) return false
      if (destinationsWith(backup, term).length === 0) return false
      if ((await tx.jobs.openFor('verify', subjectKey(subjectOf(record)))) !== undefined) return false
      const able = term.live
        .verifiers()
        .some(each => fitOf(each.verifyServers ?? [], backup.engine, backup.serverVersion) !== undefined)
      if (!able) return false
      const { last, bad } = state?.verification ?? {}
      const { inserted } = await createVerifyJob(
        tx,
        backup,
        record,
        policy.timeout,
        {
          origin: 'schedule',
          requestedBy: { kind: 'system', name: '' },
          reason: '',
          decision: {
            code: `verification-${due.code}`,
            text:
              due.code === 'first'
                ? 'no backup of it was ever proven by a restore'
                : due.code === 'after-failure'
                  ? `${bad?.backupId ?? 'the one before'} was found bad: whether this one holds decides what is protected`
                  : `last verified ${isoOf(last?.at ?? 0)}, its policy asks for it every ${formatDuration(policy.every)}`,
            numbers: {
              due_at: due.dueAt,
              every_ms: policy.every,
              overdue_at: due.overdueAt,
              ...(last === undefined ? {} : { last_at: last.at }),
            },
          },
        },
        term.clock.now(),
        term,
      )
      return inserted
    })
  }
}
