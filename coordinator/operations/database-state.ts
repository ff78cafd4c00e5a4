import { isDeepStrictEqual } from 'node:util'
import type { DatabaseId } from '../../shared/model/identifiers.ts'
import { isoOf, type Now } from '../../shared/time/index.ts'
import { isLimited } from '../planner/index.ts'
import { dueAfter, type Policy } from '../policy/index.ts'
import { protectionOf } from '../protection/index.ts'
import { type GapReason, gapReasons } from '../protection/protection.ts'
import type { WriteTx } from '../store/port.ts'
import type { DatabaseRecord, DatabaseStateRecord } from '../store/records.ts'
import { aboutDatabase } from './about.ts'
import { pauseOf, pauseText } from './pauses.ts'
import { judgeProof } from './proof.ts'
import { replicaChoice } from './replica-choice.ts'
import { isWaiting, shortageText } from './shortages.ts'
import { nameOf, policyOf } from './subject.ts'
import { tellFact } from './tell-fact.ts'
import { afterCommit, type Term } from './term.ts'
import { type WindowFit, windowFit } from './window-fit.ts'

/**
 * Changes what the writer keeps of a database and judges its promise anew (P1): policy, due time, protection
 * with its reason. A breach that opened or closed is told to the alert rules in the same transaction.
 */
export async function changeDatabaseState(
  tx: WriteTx,
  databaseId: DatabaseId,
  change: (state: DatabaseStateRecord) => DatabaseStateRecord,
  now: Now,
  term: Term,
): Promise<void> {
  const database = await tx.databases.get(databaseId)
  if (database === undefined) return
  const before = await tx.databases.state(databaseId)
  const judged = judge(database, change(before ?? freshState(database, now)), now, term)
  if (before !== undefined && isDeepStrictEqual(before, judged)) return
  await tx.databases.putState(judged)
  afterCommit(term, tx, () => term.fleet.setState(judged))
  await tellProof(tx, database, before, judged, now, term)
  const breached = judged.protection === 'breached'
  if (breached !== (before?.protection === 'breached') || (breached && judged.reason !== before?.reason))
    await tellFact(
      tx,
      {
        kind: 'protection',
        databaseId,
        name: nameOf(database, term.fleet),
        breached,
        reason: judged.reason,
        detail: judged.reasonDetail,
        ...(breached ? { about: aboutDatabase(database, term) } : {}),
        ...(judged.lastDataAsOf === undefined ? {} : { lastDataAsOf: judged.lastDataAsOf }),
      },
      now.wall,
      term,
    )
}

/** Tells when proofs became overdue, and when no more; and that what was found bad is gone. */
async function tellProof(
  tx: WriteTx,
  database: DatabaseRecord,
  before: DatabaseStateRecord | undefined,
  judged: DatabaseStateRecord,
  now: Now,
  term: Term,
): Promise<void> {
  const [was, is] = [before?.verification?.gap, judged.verification?.gap]
  const name = nameOf(database, term.fleet)
  const about = aboutDatabase(database, term)
  const overdue = is?.reason === 'verification-overdue' ? is.detail : undefined
  if (overdue !== (was?.reason === 'verification-overdue' ? was.detail : undefined))
    await tellFact(
      tx,
      {
        kind: 'verification-due',
        databaseId: database.id,
        name,
        ...(overdue === undefined ? {} : { overdue }),
        about,
      },
      now.wall,
      term,
    )
  const [bad, worse] = [before?.verification?.bad, judged.verification?.bad]
  if (bad?.backupId !== worse?.backupId || bad?.detail !== worse?.detail)
    await tellFact(
      tx,
      {
        kind: 'verification',
        databaseId: database.id,
        name,
        ...(worse === undefined ? {} : { bad: { backupId: worse.backupId, detail: worse.detail } }),
        about,
      },
      now.wall,
      term,
    )
}

/** The state of a database nobody looked at before: its RPO clock runs from when it was first seen. */
export function freshState(database: DatabaseRecord, now: Now): DatabaseStateRecord {
  return {
    databaseId: database.id,
    clockFrom: database.firstSeenAt,
    backups: 0,
    consecutiveFailures: 0,
    protection: 'unprotected',
    reason: '',
    reasonDetail: '',
    since: now.wall,
  }
}

/** The same state with policy, due time and protection as they are at `now`. Reads memory, writes nothing. */
export function judge(
  database: DatabaseRecord,
  state: DatabaseStateRecord,
  now: Now,
  term: Pick<Term, 'fleet' | 'jobs' | 'policies' | 'predictions' | 'live' | 'pauses' | 'shortages'>,
  policy = policyOf(database, term),
): DatabaseStateRecord {
  const paused = pauseOf(database, term, now.wall)
  const gap = instanceGap(database, policy, term)
  const short = isWaiting(state, term) ? term.shortages.of(database.id) : undefined
  const window =
    policy === undefined || !isLimited(policy) ? undefined : windowOf(database, state, policy, term)
  const protection = protectionOf({
    now: now.wall,
    ...(policy === undefined ? {} : { policy: { rpo: policy.rpo } }),
    ...(policy === undefined || state.lastDataAsOf === undefined
      ? {}
      : { dueAt: dueAfter(policy.schedule, state.lastDataAsOf, state.lastAssignedAt) }),
    firstSeenAt: state.clockFrom,
    ...(state.lastDataAsOf === undefined ? {} : { lastDataAsOf: state.lastDataAsOf }),
    ...(database.goneSince === undefined ? {} : { goneSince: database.goneSince }),
    connectable: database.connectable,
    consecutiveFailures: state.consecutiveFailures,
    ...(state.lastFailure === undefined ? {} : { lastFailureCode: state.lastFailure.code }),
    ...(state.failingSince === undefined ? {} : { failingSince: state.failingSince }),
    jobOpen: state.openJobId !== undefined,
    ...(window?.tooSmall === undefined ? {} : { windowTooSmall: window.tooSmall }),
    ...(short === undefined ? {} : { noCapacity: shortageText(short, term.fleet) }),
    ...(gap === undefined ? {} : { instanceGap: gap }),
    ...(paused === undefined ? {} : { paused: pauseText(paused) }),
  })
  const { policyName: _, rpoMs: __, nextDueAt, verification: ___, ...rest } = state
  const verification = judgeProof(database, state, policy, now.wall, term)
  // after a final failure or a cancel it is due again when the hold is over; a success takes the hold away
  const held = state.lastFailure === undefined ? undefined : nextDueAt
  // due when its window opens; what fits into none is not made into a job that could only wait
  const dueAt = window === undefined ? protection.dueAt : protection.dueAt && window.dueAt
  const due = dueAt === undefined ? undefined : Math.max(dueAt, held ?? 0)
  const same = state.protection === protection.state && state.reason === protection.reason
  return {
    ...rest,
    ...(policy === undefined ? {} : { policyName: policy.name, rpoMs: policy.rpo }),
    ...(due === undefined ? {} : { nextDueAt: due }),
    protection: protection.state,
    reason: protection.reason,
    reasonDetail: protection.detail,
    since: same ? state.since : now.wall,
    ...(verification === undefined ? {} : { verification }),
  }
}

function windowOf(
  record: DatabaseRecord,
  state: DatabaseStateRecord,
  policy: Policy,
  term: Pick<Term, 'fleet' | 'predictions'>,
): WindowFit {
  const dueAt =
    state.lastDataAsOf === undefined
      ? state.clockFrom
      : dueAfter(policy.schedule, state.lastDataAsOf, state.lastAssignedAt)
  const engine = term.fleet.cluster(record.clusterId)?.engine
  const { p90 } = term.predictions.of({ record, state, engine, policy }, dueAt)
  return windowFit(policy, dueAt, (state.lastDataAsOf ?? state.clockFrom) + policy.rpo, p90)
}

/** Why no job can run for a database now: the gap of all its instances that would do, when each has one. */
function instanceGap(
  database: DatabaseRecord,
  policy: Policy | undefined,
  term: Pick<Term, 'fleet' | 'live'>,
): { readonly code: GapReason; readonly detail: string } | undefined {
  const all = term.fleet.instancesOf(database.clusterId)
  const present = all.filter(each => each.goneSince === undefined)
  if (present.length === 0) {
    const since = term.fleet.cluster(database.clusterId)?.goneSince
    const when = since === undefined ? '' : `, gone since ${isoOf(since)}`
    return { code: 'gone', detail: `discovery no longer shows its server${when}` }
  }
  const choice = replicaChoice(present, policy, term)
  const would = choice.kind === 'some' ? choice.instances : present
  const gap = would.every(each => each.gap !== undefined) ? would[0]?.gap : undefined
  const code = gapReasons.find(each => each === gap?.code)
  if (gap !== undefined && code !== undefined) return { code, detail: gap.detail }
  return choice.kind === 'none' ? { code: choice.code, detail: choice.text } : undefined
}
