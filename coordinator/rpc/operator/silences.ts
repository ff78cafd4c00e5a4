import type {
  EndSilenceRequest,
  EndSilenceResponse,
  ListSilencesRequest,
  ListSilencesResponse,
  SilenceAlertsRequest,
  SilenceAlertsResponse,
  Silence as WireSilence,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { selectorKeys } from '../../alerts/rules/selector.ts'
import type { Labels, SilenceRecord } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { invalid, requireId } from './narrow.ts'

const mostPatterns = 100

/** SilenceAlerts: nobody is told of what the selector matches, for a while. */
export function silenceAlerts({ operations }: OperatorDeps) {
  return async (
    request: SilenceAlertsRequest,
    { principal }: CallContext,
  ): Promise<SilenceAlertsResponse> => {
    const { requestId, reason, durationMs: duration } = request
    const selector = selectorOf(request.selector)
    const { silence, matches } = await operations.silenceAlerts(principal, {
      selector,
      duration,
      requestId,
      reason,
    })
    return { silence: silenceToWire(silence), matches }
  }
}

/** ListSilences that hold now, the next to end first. */
export function listSilences({ store, operations }: OperatorDeps) {
  return async (_request: ListSilencesRequest, { scope }: CallContext): Promise<ListSilencesResponse> => {
    if (scope.kind !== 'fleet') return { silences: [] }
    return { silences: (await store.read.silences(operations.now())).map(silenceToWire) }
  }
}

/** EndSilence before its time. */
export function endSilence({ operations }: OperatorDeps) {
  return async (request: EndSilenceRequest, { principal }: CallContext): Promise<EndSilenceResponse> => {
    const silenceId = requireId('silence', 'silence_id', request.silenceId)
    const { requestId, reason } = request
    return {
      silence: silenceToWire(await operations.endSilence(principal, { silenceId, requestId, reason })),
    }
  }
}

function selectorOf(fields: SilenceAlertsRequest['selector']): Labels {
  if (fields.length > mostPatterns)
    throw invalid('selector', 'is too long', `at most ${mostPatterns} patterns`)
  const selector: Record<string, string[]> = {}
  for (const { name, value } of fields) {
    const key = selectorKeys.find(each => each === name)
    if (key === undefined)
      throw invalid('selector', `\`${name.slice(0, 80)}\` is no key`, `one of ${selectorKeys.join(', ')}`)
    if (value === '' || value.length > 500)
      throw invalid('selector', `${key} has no fit pattern`, 'a pattern, * stands for anything')
    const patterns = selector[key] ?? []
    selector[key] = [...patterns, value]
  }
  return selector
}

function silenceToWire(silence: SilenceRecord): WireSilence {
  return {
    silenceId: silence.id,
    selector: Object.entries(silence.selector).flatMap(([name, values]) =>
      values.map(value => ({ name, value })),
    ),
    reason: silence.reason,
    createdBy: silence.by,
    createdAt: silence.createdAt,
    endsAt: silence.endsAt,
  }
}
