import type {
  DrainAgentRequest,
  DrainAgentResponse,
  GetAgentRequest,
  GetAgentResponse,
  ListAgentsRequest,
  ListAgentsResponse,
  UndrainAgentRequest,
  UndrainAgentResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { AccessScope } from '../../operations/principal.ts'
import type { PageRequest } from '../../store/port.ts'
import type { AgentRecord } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { agentToWire } from './fleet-to-wire.ts'
import { fullPage } from './full-page.ts'
import { filterOf, oneOf, pageOf } from './narrow.ts'
import { notFound, resolveAgent } from './resolve.ts'

const states = ['connected', 'silent', 'away', 'refused'] as const

/** ListAgents. Agents belong to the whole fleet: a narrower scope sees none. */
export function listAgents({ store, operations }: OperatorDeps) {
  return async (request: ListAgentsRequest, { scope }: CallContext): Promise<ListAgentsResponse> => {
    const page = pageOf(request)
    const state = oneOf(filterOf(request, ['state']), 'state', states)
    if (scope.kind !== 'fleet') return { agents: [], nextPageToken: '' }
    const ask = (page: PageRequest) => store.read.agents(page)
    const { items, next } =
      state === undefined
        ? await ask(page)
        : await fullPage(page, ask, ({ id }) => (operations.liveAgent(id)?.state ?? 'away') === state)
    const instances = await store.read.instancesOf(items.map(agent => agent.id))
    const work = operations.agentWork(items.map(agent => agent.id))
    const agents = items.map(agent =>
      agentToWire(agent, {
        live: operations.liveAgent(agent.id),
        instances: instances.get(agent.id) ?? 0,
        work: work.get(agent.id),
      }),
    )
    return { agents, nextPageToken: next ?? '' }
  }
}

/** GetAgent, by id or hostname. */
export function getAgent(deps: OperatorDeps) {
  return async (request: GetAgentRequest, { scope }: CallContext): Promise<GetAgentResponse> => ({
    agent: await shown(deps, await visibleAgent(deps, scope, request.agent)),
  })
}

/** DrainAgent: it finishes what it has in hand and is given nothing new. */
export function drainAgent(deps: OperatorDeps) {
  return async (request: DrainAgentRequest, { principal }: CallContext): Promise<DrainAgentResponse> => ({
    agent: await draining(deps, principal, request, true),
  })
}

/** UndrainAgent: it is given work again. */
export function undrainAgent(deps: OperatorDeps) {
  return async (request: UndrainAgentRequest, { principal }: CallContext): Promise<UndrainAgentResponse> => ({
    agent: await draining(deps, principal, request, false),
  })
}

async function draining(
  deps: OperatorDeps,
  principal: CallContext['principal'],
  request: DrainAgentRequest,
  on: boolean,
) {
  const { requestId, reason } = request
  const agent = await visibleAgent(deps, principal.scope, request.agent)
  await deps.operations.setDraining(principal, { agent, draining: on, requestId, reason })
  return shown(deps, { ...agent, draining: on })
}

/** As in the list: agents belong to the whole fleet, for a narrower scope there are none. */
async function visibleAgent({ store }: OperatorDeps, scope: AccessScope, reference: string) {
  if (scope.kind !== 'fleet') throw notFound('agent', reference)
  return resolveAgent(store.read, reference)
}

async function shown({ store, operations }: OperatorDeps, agent: AgentRecord) {
  const instances = await store.read.instancesOf([agent.id])
  return agentToWire(agent, {
    live: operations.liveAgent(agent.id),
    instances: instances.get(agent.id) ?? 0,
    work: operations.agentWork([agent.id]).get(agent.id),
  })
}
