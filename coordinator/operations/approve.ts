import { AppError } from '../../shared/errors/index.ts'
import type { ApprovalId } from '../../shared/model/identifiers.ts'
import { isId } from '../../shared/model/identifiers.ts'
import { isoOf } from '../../shared/time/index.ts'
import type { WriteTx } from '../store/port.ts'
import type { ApprovalRecord } from '../store/records.ts'
import type { Asked } from './alert-verbs.ts'
import { actorText } from './apply-job-event.ts'
import type { ApprovableAct } from './approval-rules.ts'
import { once } from './once.ts'
import { actorOf, type Principal } from './principal.ts'
import { type Term, write } from './term.ts'

/** What every verb that may need one carries. */
export interface Approvable {
  /** A granted approval's id; absent or empty: none. */
  readonly approval?: string
}

/** Waiting approvals one person may have. */
const mostPending = 100

/** Says inside the step that an act takes a second person; goes on when that is settled. */
type Approved = (act: ApprovableAct, summary: string) => Promise<void>

/** Leaves the step, which is undone, so that the question can be written down instead. */
class Unapproved extends Error {
  readonly act: ApprovableAct
  readonly summary: string

  constructor(act: ApprovableAct, summary: string) {
    super('takes a second person')
    this.act = act
    this.summary = summary
  }
}

/**
 * `once`, for verbs that can take a second person. The step calls `approved` before it changes anything; where
 * configuration asks for a second person and none has agreed, nothing is changed, the question is written down, and
 * the caller is told what to have granted. A granted approval is of one question by one person, and is used up in the
 * step's own transaction.
 *
 * @throws AppError `approval.needed` with the approval's id, `approval.void` for one that does not fit
 */
export async function onceApproved<T extends object>(
  term: Term,
  principal: Principal,
  kind: string,
  { requestId, reason, approval = '' }: Asked & Approvable,
  asked: object,
  step: (tx: WriteTx, approved: Approved) => Promise<T>,
): Promise<T> {
  const question = JSON.stringify({ kind, ...asked })
  try {
    return await once(term, kind, requestId, asked, tx =>
      step(tx, async (act, summary) => {
        if (!term.settings.approvals.required.has(act)) return
        if (approval === '') throw new Unapproved(act, summary)
        await use(tx, principal, approval, question, term)
      }),
    )
  } catch (thrown) {
    if (!(thrown instanceof Unapproved)) throw thrown
    const standing = await write(term, 'ask-approval', tx =>
      ask(tx, principal, thrown, question, reason, term),
    )
    throw needed(standing)
  }
}

async function ask(
  tx: WriteTx,
  principal: Principal,
  { act, summary }: Unapproved,
  question: string,
  reason: string,
  term: Term,
): Promise<ApprovalRecord> {
  const at = term.clock.now().wall
  const askedBy = principal.name
  const mine = (await tx.approvals.pending()).filter(each => each.askedBy === askedBy && each.expiresAt > at)
  const same = mine.find(each => each.question === question)
  if (same !== undefined) return same
  if (mine.length >= mostPending)
    throw new AppError('conflict', {
      message: `${mine.length} approvals you asked for are waiting`,
      hint: 'Have them granted, or deny them yourself.',
    })
  const approval: ApprovalRecord = {
    ...{ id: term.newId('approval'), act, summary, question, reason, askedBy, askedAt: at, state: 'pending' },
    expiresAt: at + term.settings.approvals.ttl,
  }
  await tx.approvals.put(approval)
  await audit(tx, principal, 'approval.asked', approval, reason, at)
  return approval
}

async function use(
  tx: WriteTx,
  principal: Principal,
  id: string,
  question: string,
  term: Term,
): Promise<void> {
  const approval = await find(tx, id)
  const at = term.clock.now().wall
  // by whose question it is, before anything of it is told
  if (approval.askedBy !== principal.name) throw voided('somebody else asked for it', approval)
  if (approval.question !== question) throw voided('it is of another request', approval)
  const state = stateOfApproval(approval, at)
  if (state === 'pending') throw needed(approval)
  if (state !== 'granted')
    throw voided(state === 'denied' ? `it was denied: ${approval.decision}` : `it is ${state}`, approval)
  const used = { ...approval, state: 'used' as const, usedAt: at }
  await tx.approvals.put(used)
  await audit(tx, principal, 'approval.used', used, '', at)
}

/**
 * A second person's word on what somebody asked for: never the asker's own yes, and nobody's who is not known by name.
 *
 * @throws AppError `not-found`, `access.denied`, `conflict` when it is decided or over
 */
export async function decideApproval(
  principal: Principal,
  {
    approvalId,
    granted,
    requestId,
    reason,
  }: Asked & { readonly approvalId: ApprovalId; readonly granted: boolean },
  term: Term,
): Promise<ApprovalRecord> {
  const kind = granted ? 'grant-approval' : 'deny-approval'
  const { approval } = await once(term, kind, requestId, { approvalId, by: principal.name }, async tx => {
    const standing = await find(tx, approvalId)
    if (granted && principal.anonymous === true)
      throw new AppError('access.denied', {
        message: 'whoever grants must be known by a token or certificate',
        hint: 'Ask with a token of your own.',
      })
    if (granted && standing.askedBy === principal.name)
      throw new AppError('access.denied', {
        message: 'you asked for this yourself',
        hint: 'A second person grants it.',
      })
    if (!granted && standing.askedBy !== principal.name && !principal.roles.includes('admin'))
      throw none(approvalId)
    const at = term.clock.now().wall
    const state = stateOfApproval(standing, at)
    if (state !== 'pending')
      throw new AppError('conflict', {
        message: `the approval is ${state} already`,
        context: { approval_id: approvalId, state },
      })
    const decided: ApprovalRecord = {
      ...standing,
      state: granted ? 'granted' : 'denied',
      decidedBy: principal.name,
      decidedAt: at,
      decision: reason,
    }
    await tx.approvals.put(decided)
    await audit(tx, principal, granted ? 'approval.granted' : 'approval.denied', decided, reason, at)
    return { approval: decided }
  })
  return approval
}

/** What an approval is now: time ends one that waits, and one that was granted and not used. */
export function stateOfApproval(
  { state, expiresAt }: ApprovalRecord,
  at: number,
): ApprovalRecord['state'] | 'expired' {
  return (state === 'pending' || state === 'granted') && expiresAt <= at ? 'expired' : state
}

async function find(tx: WriteTx, id: string): Promise<ApprovalRecord> {
  const approval = isId('approval', id) ? await tx.approvals.get(id) : undefined
  if (approval === undefined) throw none(id)
  return approval
}

function none(id: string): AppError {
  return new AppError('not-found', {
    message: `there is no approval \`${id.slice(0, 200)}\``,
    hint: '`holdfast approval list` shows what there is.',
  })
}

function needed({ id, summary, expiresAt }: ApprovalRecord): AppError {
  return new AppError('approval.needed', {
    message: `needs approval ${id}: ${summary}`,
    context: { approval_id: id, expires_at: isoOf(expiresAt) },
  })
}

function voided(why: string, { id }: ApprovalRecord): AppError {
  return new AppError('approval.void', {
    message: `the approval does not count: ${why}`,
    context: { approval_id: id },
  })
}

function audit(
  tx: WriteTx,
  principal: Principal,
  action: string,
  { id, act, summary, askedBy }: ApprovalRecord,
  reason: string,
  at: number,
) {
  return tx.audit.append({
    at,
    class: 'history',
    actor: actorText(actorOf(principal)),
    action,
    subject: id,
    reason,
    detail: { act, summary, asked_by: askedBy },
  })
}
