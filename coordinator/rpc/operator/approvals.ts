import type {
  DenyApprovalRequest,
  DenyApprovalResponse,
  GrantApprovalRequest,
  GrantApprovalResponse,
  ListApprovalsRequest,
  ListApprovalsResponse,
  Approval as WireApproval,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { stateOfApproval } from '../../operations/index.ts'
import type { ApprovalRecord } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { filterOf, oneOf, pageOf, requireId } from './narrow.ts'

const states = ['pending', 'granted', 'denied', 'used', 'expired'] as const

/**
 * ListApprovals, newest first. Whoever cannot grant, or sees a part of the fleet only, sees what they asked for
 * themselves. A filtered page may be shorter than asked.
 */
export function listApprovals({ store, operations }: OperatorDeps) {
  return async (
    request: ListApprovalsRequest,
    { principal, scope }: CallContext,
  ): Promise<ListApprovalsResponse> => {
    const page = pageOf(request)
    const state = oneOf(filterOf(request, ['state']), 'state', states)
    // one that expired is stored as what it was
    const { items, next } = await store.read.approvals(
      page,
      state === 'denied' || state === 'used' ? { state } : {},
    )
    const all = principal.roles.includes('admin') && scope.kind === 'fleet'
    return {
      approvals: items
        .filter(each => all || each.askedBy === principal.name)
        .map(each => approvalToWire(each, operations.now()))
        .filter(each => state === undefined || each.state === state),
      nextPageToken: next ?? '',
    }
  }
}

/** GrantApproval: a second person agrees. */
export function grantApproval({ operations }: OperatorDeps) {
  return async (
    request: GrantApprovalRequest,
    { principal }: CallContext,
  ): Promise<GrantApprovalResponse> => ({
    approval: await decided(operations, principal, request, true),
  })
}

/** DenyApproval: somebody does not, or whoever asked does not want it any more. */
export function denyApproval({ operations }: OperatorDeps) {
  return async (request: DenyApprovalRequest, { principal }: CallContext): Promise<DenyApprovalResponse> => ({
    approval: await decided(operations, principal, request, false),
  })
}

async function decided(
  operations: OperatorDeps['operations'],
  principal: CallContext['principal'],
  request: GrantApprovalRequest,
  granted: boolean,
): Promise<WireApproval> {
  const approvalId = requireId('approval', 'approval_id', request.approvalId)
  const { requestId, reason } = request
  const approval = await operations.decideApproval(principal, { approvalId, granted, requestId, reason })
  return approvalToWire(approval, operations.now())
}

function approvalToWire(approval: ApprovalRecord, now: number): WireApproval {
  return {
    approvalId: approval.id,
    act: approval.act,
    summary: approval.summary,
    reason: approval.reason,
    askedBy: approval.askedBy,
    askedAt: approval.askedAt,
    expiresAt: approval.expiresAt,
    state: stateOfApproval(approval, now),
    decidedBy: approval.decidedBy ?? '',
    decidedAt: approval.decidedAt ?? 0,
    decision: approval.decision ?? '',
  }
}
