import { type Agent, type AgentOverrides, startAgent } from '../../../agent/agent.ts'
import { agentConfigSchema } from '../../../agent/config.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { fakeEngine, fakeTarget } from '../jobs/fake-engine.ts'

/** A whole agent in this process: true link, journal and pipeline, a fake engine. */
export function startTestAgent(
  options: {
    readonly state: string
    readonly coordinator: string
    readonly keeper?: boolean
    readonly statusPort?: number
    readonly pool?: boolean
    readonly node?: string
    /** Whether it tells of this machine's servers; by default it does not. */
    readonly unregistered?: { readonly report: boolean; readonly exclude_ports?: readonly number[] }
  },
  overrides: AgentOverrides = {},
): Promise<Agent> {
  const engine = fakeEngine()
  const config = agentConfigSchema.parse({
    coordinator: { address: options.coordinator, insecure_loopback: true },
    state_dir: options.state,
    keeper: options.keeper ?? false,
    pool: options.pool ?? false,
    node_name: options.node,
    unregistered: options.unregistered ?? { report: false },
    codec: 'none',
    part_budget: '128MiB',
    status: { port: options.statusPort ?? 0 },
    stop_grace: '10s',
  })
  return startAgent(config, silentLog, {
    engineFor: () => engine,
    targetFor: () => fakeTarget,
    // the shortest waits: tests wait for conditions, not for back-off
    random: () => 0,
    ...overrides,
  })
}
