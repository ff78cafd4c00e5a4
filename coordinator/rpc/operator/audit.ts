import type {
  ListAuditRequest,
  ListAuditResponse,
  VerifyAuditRequest,
  VerifyAuditResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { verifyChain } from '../../audit/index.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { filterOf, pageOf } from './narrow.ts'

/** ListAudit, newest first. The audit belongs to the whole fleet: a narrower scope sees none. */
export function listAudit({ store }: OperatorDeps) {
  return async (request: ListAuditRequest, { scope }: CallContext): Promise<ListAuditResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['actor', 'action', 'subject'])
    if (scope.kind !== 'fleet') return { events: [], nextPageToken: '' }
    const { items, next } = await store.read.audit(page, Object.fromEntries(filter))
    return {
      events: items.map(({ class: eventClass, detail, ...event }) => ({
        ...event,
        eventClass,
        detail: JSON.stringify(detail),
      })),
      nextPageToken: next ?? '',
    }
  }
}

/** VerifyAudit: the whole chain, from its first row, in pages. */
export function verifyAudit({ store }: OperatorDeps) {
  return async (_request: VerifyAuditRequest, _context: CallContext): Promise<VerifyAuditResponse> => {
    const verdict = await verifyChain(store.read)
    return {
      intact: verdict.intact,
      checked: verdict.checked,
      brokenSeq: verdict.intact ? 0 : verdict.brokenSeq,
      problem: verdict.intact ? '' : verdict.problem,
      headSeq: verdict.headSeq,
      headHash: verdict.headHash,
    }
  }
}
