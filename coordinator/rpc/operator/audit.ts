import type {
  ListAuditRequest,
  ListAuditResponse,
  VerifyAuditRequest,
  VerifyAuditResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { verifyChain } from '../../audit/index.ts'
import type { AuditFilter } from '../../store/port.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { filterOf, millisOf, pageOf } from './narrow.ts'

/** ListAudit, newest first unless asked otherwise. The audit belongs to the whole fleet: a narrower scope sees none. */
export function listAudit({ store }: OperatorDeps) {
  return async (request: ListAuditRequest, { scope }: CallContext): Promise<ListAuditResponse> => {
    const page = pageOf(request)
    const { since, until, ...words } = Object.fromEntries(
      filterOf(request, ['actor', 'action', 'subject', 'since', 'until']),
    )
    const filter: AuditFilter = {
      ...words,
      ...(since === undefined ? {} : { since: millisOf('since', since) }),
      ...(until === undefined ? {} : { until: millisOf('until', until) }),
      ...(request.oldestFirst ? { oldestFirst: true } : {}),
    }
    if (scope.kind !== 'fleet') return { events: [], nextPageToken: '' }
    const { items, next } = await store.read.audit(page, filter)
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

/**
 * VerifyAudit: the whole chain, from its first row, in pages, against the anchors in the bucket where the
 * configuration names one. Anchors that cannot be read are no answer: FAILED_PRECONDITION.
 */
export function verifyAudit({ store, operations }: OperatorDeps) {
  return async (request: VerifyAuditRequest, { signal }: CallContext): Promise<VerifyAuditResponse> => {
    const found = request.withoutAnchors ? undefined : await operations.auditAnchors(signal)
    const anchors = (found?.anchors ?? []).filter(
      each => !request.thisIncarnation || each.incarnation === store.incarnation,
    )
    const verdict = await verifyChain(store.read, anchors)
    const former = anchors.some(each => each.incarnation !== store.incarnation)
    return {
      intact: verdict.intact,
      checked: verdict.checked,
      brokenSeq: verdict.intact ? 0 : verdict.brokenSeq,
      problem: verdict.intact ? '' : verdict.problem,
      headSeq: verdict.headSeq,
      headHash: verdict.headHash,
      detail: verdict.intact
        ? ''
        : `${verdict.detail}${former ? '; the store was put back from a copy since some anchors were made' : ''}`,
      anchorDestination: found?.destination ?? '',
      anchors: anchors.length,
      anchoredSeq: anchors.reduce((newest, { seq }) => Math.max(newest, seq), 0),
    }
  }
}
