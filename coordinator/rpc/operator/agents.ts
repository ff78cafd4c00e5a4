import type {
  GetAgentRequest,
  GetAgentResponse,
  ListAgentsRequest,
  ListAgentsResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { agentToWire } from './fleet-to-wire.ts'
import { filterOf, oneOf, pageOf } from './narrow.ts'
import { resolveAgent } from './resolve.ts'

const states = ['connected', 'silent', 'away', 'refused'] as const

/** ListAgents. Agents belong to the whole fleet: a narrower scope sees none. */
export function listAgents({ store, operations }: OperatorDeps) {
  return async (request: ListAgentsRequest, { scope }: CallContext): Promise<ListAgentsResponse> => {
    const page = pageOf(request)
    const state = oneOf(filterOf(request, ['state']), 'state', states)
    if (scope.kind !== 'fleet') return { agents: [], nextPageToken: '' }
    const { items, next } = await store.read.agents(page)
    const instances = await store.read.instancesOf(items.map(agent => agent.id))
    const agents = items.map(agent =>
      agentToWire(agent, operations.liveAgent(agent.id), instances.get(agent.id) ?? 0),
    )
    return {
      agents: agents.filter(agent => state === undefined || agent.state === state),
      nextPageToken: next ?? '',
    }
  }
}

/** GetAgent, by id or hostname. */
export function getAgent({ store, operations }: OperatorDeps) {
  return async (request: GetAgentRequest, _context: CallContext): Promise<GetAgentResponse> => {
    const agent = await resolveAgent(store.read, request.agent)
    const instances = await store.read.instancesOf([agent.id])
    return { agent: agentToWire(agent, operations.liveAgent(agent.id), instances.get(agent.id) ?? 0) }
  }
}
