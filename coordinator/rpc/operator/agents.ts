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
import { pageOfPicture } from '../../fleet/picture-page.ts'
import type { AccessScope } from '../../operations/principal.ts'
import type { Page, PageRequest } from '../../store/port.ts'
import type { AgentRecord } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { agentToWire } from './fleet-to-wire.ts'
import { fullPage } from './full-page.ts'
import { filterOf, oneOf, pageOf } from './narrow.ts'
import { notFound, resolveAgent } from './resolve.ts'

/** So many are looked up one by one. */
const few = 500

const states = ['connected', 'silent', 'away', 'refused'] as const

/** ListAgents. Agents belong to the whole fleet: a narrower scope sees none. */
export function listAgents({ store, operations }: OperatorDeps) {
  return async (request: ListAgentsRequest, { scope }: CallContext): Promise<ListAgentsResponse> => {
    const page = pageOf(request)
    const state = oneOf(filterOf(request, ['state']), 'state', states)
    if (scope.kind !== 'fleet') return { agents: [], nextPageToken: '' }
    const ask = (page: PageRequest) => store.read.agents(page)
    const { items, next } =
      state === undefined ? await ask(page) : await inState(state, page, ask, operations, store.read)
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

/** Those in a state: the few that are heard of by their ids, many or those away page by page until there are enough. */
async function inState(
  state: (typeof states)[number],
  page: PageRequest,
  ask: (page: PageRequest) => Promise<Page<AgentRecord>>,
  operations: OperatorDeps['operations'],
  read: OperatorDeps['store']['read'],
): Promise<Page<AgentRecord>> {
  const live = [...operations.liveAgents()].flatMap(([id, agent]) => (agent.state === state ? [id] : []))
  if (state === 'away' || live.length > few)
    return fullPage(page, ask, ({ id }) => (operations.liveAgent(id)?.state ?? 'away') === state)
  const agents = await Promise.all(live.map(id => read.agent(id)))
  return pageOfPicture(
    agents.filter(each => each !== undefined),
    {
      list: 'agents',
      form: ['text', 'text'],
      direction: 'asc',
      keyOf: each => [each.hostname, each.id],
    },
    page,
    () => true,
  )
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
