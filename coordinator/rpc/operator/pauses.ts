import type {
  ListPausesRequest,
  ListPausesResponse,
  PauseRequest,
  PauseResponse,
  ResumeRequest,
  ResumeResponse,
  PauseEntry as WirePause,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { AccessScope } from '../../operations/principal.ts'
import type { ReadModel } from '../../store/port.ts'
import { type PauseRecord, pauseScopes } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { globalsName } from './naming.ts'
import { invalid } from './narrow.ts'
import { everyPage, notFound, resolveDatabase } from './resolve.ts'

/** Pause: scheduled backups of the subject do not start for a while, or until it is resumed. */
export function pause({ store, operations }: OperatorDeps) {
  return async (request: PauseRequest, { principal, scope }: CallContext): Promise<PauseResponse> => {
    const { requestId, reason, durationMs } = request
    if (durationMs < 0) throw invalid('duration_ms', 'is negative', '0 or more')
    const pause = await operations.pause(principal, {
      ...(await subjectOf(store.read, scope, request)),
      ...(durationMs === 0 ? {} : { duration: durationMs }),
      requestId,
      reason,
    })
    return { pause: pauseToWire(pause) }
  }
}

/** Resume: the pause of the subject ends now. */
export function resume({ store, operations }: OperatorDeps) {
  return async (request: ResumeRequest, { principal, scope }: CallContext): Promise<ResumeResponse> => {
    const { requestId, reason } = request
    const subject = await subjectOf(store.read, scope, request, operations.pauses())
    return { pause: pauseToWire(await operations.resume(principal, { ...subject, requestId, reason })) }
  }
}

/** ListPauses that hold now. */
export function listPauses({ operations }: OperatorDeps) {
  return async (_request: ListPausesRequest, { scope }: CallContext): Promise<ListPausesResponse> =>
    scope.kind === 'fleet' ? { pauses: operations.pauses().map(pauseToWire) } : { pauses: [] }
}

/**
 * What is meant. A database is looked for, a host or site must be one that is known: a pause of a name with a slip in
 * it would hold nothing, and say it does. What is paused can be resumed by its name although it is gone since.
 */
async function subjectOf(
  read: ReadModel,
  access: AccessScope,
  request: { readonly scope: string; readonly subject: string },
  standing: readonly PauseRecord[] = [],
) {
  const scope = pauseScopes.find(each => each === request.scope)
  if (scope === undefined) throw invalid('scope', 'is none', `one of ${pauseScopes.join(', ')}`)
  const { subject } = request
  if (scope === 'fleet') {
    if (subject !== '') throw invalid('subject', 'is given', 'nothing: there is one fleet')
    return { scope, subject: '', name: 'the fleet' }
  }
  if (subject === '') throw invalid('subject', 'is missing', `the ${scope} that is meant`)
  const known = standing.find(each => each.scope === scope && [each.subject, each.name].includes(subject))
  if (known !== undefined) return { scope, subject: known.subject, name: known.name }
  if (scope === 'database') {
    const database = await resolveDatabase(read, access, subject)
    const cluster = await read.cluster(database.clusterId)
    const own = database.scope === 'cluster' ? globalsName : database.name
    return { scope, subject: database.id, name: `${cluster?.name ?? database.clusterId}/${own}` }
  }
  for await (const each of everyPage(after => read.instances({ size: 1_000, ...after }, { gone: false })))
    if ((scope === 'site' ? each.datacenter : each.nodeName) === subject)
      return { scope, subject, name: subject }
  if (scope === 'host')
    for await (const each of everyPage(after => read.agents({ size: 1_000, ...after })))
      if (each.hostname === subject) return { scope, subject, name: subject }
  throw notFound(scope, subject)
}

function pauseToWire(pause: PauseRecord): WirePause {
  return {
    scope: pause.scope,
    subject: pause.subject,
    name: pause.name,
    reason: pause.reason,
    pausedBy: pause.by,
    since: pause.since,
    until: pause.until ?? 0,
  }
}
