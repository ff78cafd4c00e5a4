import type { AgentId, JobId } from '../../shared/model/identifiers.ts'
import type { Duration } from '../../shared/time/index.ts'
import { agentSlots } from './agent-slots.ts'
import { subjectName } from './subject.ts'
import type { Term } from './term.ts'

/** What an agent has in hand and what it is reckoned with. */
export interface AgentWork {
  readonly running: readonly { readonly jobId: JobId; readonly what: string }[]
  /** Attempts the planner reckons with. */
  readonly slots: number
  /** Of the replicas it answers for, by the newest inventories of this term. */
  readonly lags: readonly { readonly service: string; readonly lag: Duration }[]
}

/** What each of some agents does, from memory as last committed. */
export function agentWork(ids: readonly AgentId[], term: Term): ReadonlyMap<AgentId, AgentWork> {
  const now = term.clock.now()
  const lags = new Map<AgentId, { readonly service: string; readonly lag: Duration }[]>()
  const wanted = new Set(ids)
  for (const { id, agentId, service, role, goneSince } of term.fleet.instances()) {
    if (agentId === undefined || goneSince !== undefined || role !== 'replica' || !wanted.has(agentId))
      continue
    const lag = term.live.lagOf(id)
    if (lag === undefined) continue
    const known = lags.get(agentId)
    if (known === undefined) lags.set(agentId, [{ service, lag }])
    else known.push({ service, lag })
  }
  return new Map(
    ids.map(id => [
      id,
      {
        running: (term.live.view(id, now)?.running ?? []).map(jobId => {
          const job = term.jobs.get(jobId)
          const what =
            job === undefined ? '' : `${job.kind} ${subjectName(job.kind, job.subject, term.fleet)}`
          return { jobId, what }
        }),
        slots: agentSlots(id, term),
        lags: lags.get(id) ?? [],
      },
    ]),
  )
}
