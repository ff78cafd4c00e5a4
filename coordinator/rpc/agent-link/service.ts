import {
  type AgentLinkServiceServer,
  AgentLinkServiceService,
  type ConnectRequest,
  type ConnectResponse,
} from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { bidi, type HandleEnv } from '../handle.ts'
import type { ServedService } from '../server.ts'
import type { Link } from './link.ts'
import { Session } from './session.ts'

/** The control link: one bidirectional stream an agent, dialled by the agent (architecture §10). */
export function agentLinkService(env: HandleEnv, link: Link): ServedService {
  const implementation: AgentLinkServiceServer = {
    connect: bidi<ConnectRequest, ConnectResponse>(env, (call, context) => new Session(link, call, context)),
  }
  return { definition: AgentLinkServiceService, implementation }
}
