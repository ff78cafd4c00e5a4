import { setImmediate as turn } from 'node:timers/promises'
import type { BackupId, DatabaseId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import { type Brake, type BrakeShare, brakeOf, type GraceStep, graceStep } from '../retention/index.ts'
import type { DatabaseRecord, DatabaseStateRecord } from '../store/records.ts'
import { deletionProblem, markDeleting } from './leaving.ts'
import { retainedOf, retentionText } from './retained.ts'
import { policyOf } from './subject.ts'
import { tellFact } from './tell-fact.ts'
import { type Term, write } from './term.ts'

const day = 86_400_000
/** Backups that are let go in one look; the next goes on. */
const most = 500
/** Expiries written down in one step. */
const atOnce = 100
/** Clocks of agents may be off by so much, ms, before ours is not believed. */
const farOff = 5 * 60_000

interface Look {
  readonly databaseId: DatabaseId
  readonly rule: string
  readonly steps: readonly { readonly id: BackupId; readonly step: GraceStep }[]
  readonly share: BrakeShare
  /** Nothing of it changes until something else does. */
  readonly settled: boolean
}

/**
 * Looks at every database for backups that nothing keeps: gives them notice, takes it back when something keeps them
 * again, and lets those go whose grace is over, unless that is more than usual. Removing them is `delete-leaving`'s.
 */
export class RetentionWatch {
  readonly #term: Term
  /** What was found of databases about which nothing has changed since. */
  readonly #settled = new Map<DatabaseId, { readonly key: string; readonly share: BrakeShare }>()
  #told: boolean | undefined

  constructor(term: Term) {
    this.#term = term
  }

  /** Resolves with how many backups were let go. */
  async run(): Promise<number> {
    const term = this.#term
    if (clocksDisagree(term)) return 0
    const { store, settings } = term
    const now = term.clock.now().wall
    const released = (await store.read.lastBrakeRelease())?.at ?? 0
    const expired = await this.#databasesWithExpired()
    const looks: Look[] = []
    const shares: BrakeShare[] = []
    for (const { record, state } of [...term.fleet.databases()]) {
      await turn()
      const policy = policyOf(record, term)
      if (policy?.retention === undefined && !expired.has(record.id)) continue
      const key = keyOf(record, state, policy?.version ?? '', released)
      const known = this.#settled.get(record.id)
      if (known?.key === key && !expired.has(record.id)) {
        shares.push(known.share)
        continue
      }
      const look = await this.#look({ record, state }, now, released)
      if (look.settled) this.#settled.set(record.id, { key, share: look.share })
      else this.#settled.delete(record.id)
      looks.push(look)
      shares.push(look.share)
    }
    for (const look of looks) await this.#note(look)
    const due = looks.flatMap(({ rule, steps }) =>
      steps.flatMap(({ id, step }) => (step.kind === 'due' ? [{ id, rule }] : [])),
    )
    const brake = brakeOf(shares, settings.retention.brake)
    term.brake = { ...brake, at: now }
    await this.#tell(brake, now)
    if (brake.on) {
      if (due.length > 0) term.meter.heldByBrake(due.length)
      return 0
    }
    let gone = 0
    for (const { id, rule } of due.slice(0, most)) if (await this.#letGo(id, rule)) gone++
    return gone
  }

  async #look(
    database: { readonly record: DatabaseRecord; readonly state: DatabaseStateRecord | undefined },
    now: Millis,
    released: Millis,
  ): Promise<Look> {
    const { grace } = this.#term.settings.retention
    const { policy, backups, verdicts } = await retainedOf(database, now, this.#term)
    const steps: { id: BackupId; step: GraceStep }[] = []
    let beyond = 0
    let settled = true
    for (const { id, expiry } of backups) {
      const verdict = verdicts.get(id)
      if (verdict === undefined) continue
      const step = graceStep(verdict.keep, expiry, now, grace)
      if (step.kind !== 'stay') {
        settled = false
        if ((expiry?.since ?? now) > released) beyond++
      }
      if (step.kind !== 'stay' || expiry !== undefined) steps.push({ id, step })
      if (verdict.reasons.some(each => passing.has(each.code))) settled = false
    }
    return {
      databaseId: database.record.id,
      rule: policy === undefined ? '' : `${policy.name}: ${retentionText(policy)}`,
      steps,
      share: {
        total: verdicts.size,
        expired: beyond,
        recent: backups.filter(each => each.recordedAt >= now - grace - day).length,
      },
      settled,
    }
  }

  /** Writes down who is given notice, and who no longer is. */
  async #note({ rule, steps }: Look): Promise<void> {
    const changes = steps.filter(({ step }) => step.kind === 'expire' || step.kind === 'stay')
    for (let i = 0; i < changes.length; i += atOnce)
      await write(this.#term, 'retention', async tx => {
        for (const { id, step } of changes.slice(i, i + atOnce)) {
          const backup = await tx.backups.get(id)
          if (backup === undefined || backup.deletion !== undefined) continue
          const { expiry: _, ...rest } = backup
          await tx.backups.keep(
            step.kind === 'expire' ? { ...rest, expiry: { since: step.since, rule } } : rest,
          )
        }
      })
  }

  /** Lets one go, when all that spoke for it still holds in the step that does it. */
  #letGo(id: BackupId, rule: string): Promise<boolean> {
    const term = this.#term
    return write(term, 'retention', async tx => {
      const backup = await tx.backups.get(id)
      const now = term.clock.now()
      const { grace } = term.settings.retention
      if (backup?.expiry === undefined || backup.deletion !== undefined) return false
      if (backup.expiry.since + grace > now.wall) return false
      if ((await deletionProblem(tx, backup, { newer: true, evenLast: false }, now.wall, term)) !== undefined)
        return false
      await markDeleting(tx, backup, { by: 'system', reason: '', rule }, now, term)
      return true
    })
  }

  async #databasesWithExpired(): Promise<ReadonlySet<DatabaseId>> {
    const found = new Set<DatabaseId>()
    for (let after: string | undefined; ; ) {
      const page = await this.#term.store.read.leavingBackups(
        { size: 1_000, ...(after === undefined ? {} : { after }) },
        'expired',
      )
      for (const { databaseIds } of page.items) for (const id of databaseIds) found.add(id)
      if (page.next === undefined) return found
      after = page.next
    }
  }

  async #tell({ on, beyond, limit, total }: Brake, now: Millis): Promise<void> {
    if (this.#told === on) return
    await write(this.#term, 'retention-brake', tx =>
      tellFact(tx, { kind: 'retention-brake', on, beyond, limit, total }, now, this.#term),
    )
    this.#told = on
  }
}

/** Reasons that end without anything else of the database changing. */
const passing: ReadonlySet<string> = new Set(['held', 'in-use', 'locked', 'future-dated', 'doubtful', 'gone'])

/** What a look depends on besides the backups' own holds, locks and readers. */
function keyOf(
  record: DatabaseRecord,
  state: DatabaseStateRecord | undefined,
  policyVersion: string,
  released: Millis,
): string {
  const { lastBackupId = '', backups = 0, protection = '' } = state ?? {}
  return [policyVersion, lastBackupId, backups, protection, record.goneSince ?? '', released].join(' ')
}

/** Whether most of those who tell the time say that ours is wrong: also when it was so from the start. */
export function clocksDisagree({ live }: Pick<Term, 'live'>): boolean {
  const offsets = live
    .ids()
    .filter(id => live.isConnected(id))
    .flatMap(id => live.clockOffset(id) ?? [])
  return offsets.filter(offset => Math.abs(offset) > farOff).length * 2 > offsets.length
}
