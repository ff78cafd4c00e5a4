import type { Millis } from '../../shared/time/index.ts'
import type { Policy } from '../policy/index.ts'
import type { DatabaseRecord, DatabaseStateRecord, VerificationState } from '../store/records.ts'
import { fitOf, noVerifierText, verificationGap } from '../verification/index.ts'
import type { Term } from './term.ts'

/** How the proof of a database's backups stands at `now`; undefined: none was asked for, and none is there. */
export function judgeProof(
  database: DatabaseRecord,
  state: DatabaseStateRecord,
  policy: Policy | undefined,
  now: Millis,
  term: Pick<Term, 'fleet' | 'live'>,
): VerificationState | undefined {
  const asked =
    database.scope === 'database' && database.goneSince === undefined ? policy?.verification : undefined
  if (asked === undefined && state.verification === undefined) return undefined
  const { gap: before, wantedSince: since, ...known } = state.verification ?? {}
  const wantedSince = asked === undefined ? undefined : (since ?? now)
  const found = verificationGap({
    now,
    databaseId: database.id,
    policy: asked,
    newest: state.lastBackupId,
    wantedSince: wantedSince ?? now,
    verification: known,
    noVerifier: asked === undefined ? undefined : noVerifier(database, term),
  })
  const gap =
    found === undefined || database.goneSince !== undefined
      ? undefined
      : { ...found, since: before?.reason === found.reason ? before.since : now }
  const proof = {
    ...known,
    ...(wantedSince === undefined ? {} : { wantedSince }),
    ...(gap === undefined ? {} : { gap }),
  }
  return Object.keys(proof).length === 0 ? undefined : proof
}

/** Why nobody can verify backups of a database as its servers are now, in words. */
function noVerifier({ clusterId }: DatabaseRecord, term: Pick<Term, 'fleet' | 'live'>): string | undefined {
  const engine = term.fleet.cluster(clusterId)?.engine
  if (engine === undefined || engine === 'unknown') return undefined
  const version =
    term.fleet.instancesOf(clusterId).find(each => each.serverVersion !== undefined)?.serverVersion ?? ''
  const some = term.live
    .verifiers()
    .some(each => fitOf(each.verifyServers ?? [], engine, version) !== undefined)
  return some ? undefined : noVerifierText(engine, version)
}
