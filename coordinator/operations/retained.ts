import type { DatabaseId } from '../../shared/model/identifiers.ts'
import { formatDuration, type Millis } from '../../shared/time/index.ts'
import type { Policy } from '../policy/policy.ts'
import { judgeRetention, type RetentionVerdict, ruleText } from '../retention/index.ts'
import type { BackupRecord, DatabaseRecord, DatabaseStateRecord } from '../store/records.ts'
import { isBad, isProven } from '../verification/index.ts'
import { destinationsWith, lockedUntil, readerOf } from './leaving.ts'
import { policyOf } from './subject.ts'
import type { Term } from './term.ts'

/** What retention says of one database now. */
export interface Retained {
  readonly policy: Policy | undefined
  readonly backups: readonly BackupRecord[]
  readonly verdicts: ReadonlyMap<string, RetentionVerdict>
}

/** Every backup of a database, with why it stays; those that are being deleted have no verdict. */
export async function retainedOf(
  { record, state }: { readonly record: DatabaseRecord; readonly state?: DatabaseStateRecord | undefined },
  now: Millis,
  term: Term,
): Promise<Retained> {
  const policy = policyOf(record, term)
  const backups = await allOf(record.id, term)
  const servers = term.fleet.instancesOf(record.clusterId)
  const verdicts = judgeRetention({
    now,
    // whoever asks looks at the clock before: nobody asks in vain
    clockDoubted: false,
    hasPolicy: policy !== undefined,
    ...(policy?.retention === undefined ? {} : { rule: policy.retention }),
    verifies: policy?.verification !== undefined,
    gone: record.goneSince !== undefined || servers.every(each => each.goneSince !== undefined),
    breached: state?.protection === 'breached',
    backups: backups.map(backup => {
      const locked = lockedUntil(backup, term)
      return {
        id: backup.id,
        dataAsOf: backup.dataAsOf,
        destinations: destinationsWith(backup, term),
        // whatever is recorded was checked then (J5), until a restore shows otherwise (P5)
        trusted: !isBad(backup),
        proven: isProven(backup),
        ...(backup.hold === undefined ? {} : { hold: backup.hold }),
        ...(locked === undefined ? {} : { lockedUntil: locked }),
        inUse: readerOf(backup, term) !== undefined,
        leaving: backup.deletion !== undefined,
      }
    }),
  })
  return { policy, backups, verdicts: new Map(verdicts.map(each => [each.id, each])) }
}

/** What a policy keeps, in words; empty: everything. */
export function retentionText(policy: Policy | undefined): string {
  return policy?.retention === undefined ? '' : ruleText(policy.retention, formatDuration)
}

async function allOf(databaseId: DatabaseId, term: Term): Promise<readonly BackupRecord[]> {
  const all: BackupRecord[] = []
  for (let after: string | undefined; ; ) {
    const page = await term.store.read.backups(
      { size: 1_000, ...(after === undefined ? {} : { after }) },
      { databaseId },
    )
    all.push(...page.items)
    if (page.next === undefined) return all
    after = page.next
  }
}
