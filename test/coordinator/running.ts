import { join } from 'node:path'
import { type CoordinatorConfig, coordinatorConfigSchema } from '../../coordinator/config.ts'
import {
  type Coordinator,
  type CoordinatorOverrides,
  startCoordinator,
} from '../../coordinator/coordinator.ts'
import type { Principal } from '../../coordinator/operations/index.ts'
import { openStore, type Store } from '../../coordinator/store/index.ts'
import { systemClock } from '../../shared/clock/index.ts'
import type {
  DiscoveredInstance,
  Discovery,
  DiscoverySnapshot,
  SourceHealth,
  SourcePart,
} from '../../shared/discovery/index.ts'
import { createLogger, type Log, silentLog } from '../../shared/log/index.ts'
import { FakeAgent, type FakeAgentOptions } from '../harness/fake-agent.ts'
import { temporaryFolder, waitUntil } from '../harness/index.ts'

/** Times short enough for tests: nothing here waits for more than a second unless the claim is about waiting. */
export const shortTimes = {
  heartbeat: '100ms',
  lease_ttl: '2s',
  accept: '2s',
  start: '2s',
  inventory: '1m',
  plan: '50ms',
  protection: '200ms',
  lease_tick: '50ms',
  last_seen: '200ms',
  agent_gone: '1h',
  debris_retry: '200ms',
  leader_stale: '3s',
  leader_renew: '100ms',
  leader_margin: '500ms',
}

export const admin: Principal = {
  kind: 'operator',
  name: 'test-admin',
  roles: ['viewer', 'operator', 'restorer', 'admin'],
  scope: { kind: 'fleet' },
}

/** A discovery source the test speaks for. */
export class FakeSource implements Discovery {
  readonly source = 'fake'
  #listener: ((snapshot: DiscoverySnapshot) => void) | undefined
  #instances: readonly DiscoveredInstance[] = []
  #health: SourceHealth = { kind: 'ok' }
  #unsure: readonly SourcePart[] | undefined

  async watch(onSnapshot: (snapshot: DiscoverySnapshot) => void, signal: AbortSignal): Promise<void> {
    this.#listener = onSnapshot
    this.#tell()
    await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  }

  show(
    instances: readonly DiscoveredInstance[],
    health: SourceHealth = { kind: 'ok' },
    unsure?: readonly SourcePart[],
  ): void {
    this.#instances = instances
    this.#health = health
    this.#unsure = unsure
    this.#tell()
  }

  #tell(): void {
    const unsure = this.#unsure
    this.#listener?.({
      source: this.source,
      instances: this.#instances,
      health: this.#health,
      ...(unsure === undefined ? {} : { unsure }),
    })
  }
}

/** An instance as discovery tells of it. */
export function discovered(over: Partial<DiscoveredInstance> = {}): DiscoveredInstance {
  const host = over.nodeName ?? 'host1'
  return {
    datacenter: 'dc1',
    namespace: 'default',
    nodeId: '',
    nodeName: host,
    nodeAddress: '127.0.0.1',
    serviceId: 'orders-db',
    serviceName: 'orders-db',
    address: '127.0.0.1',
    port: 5432,
    tags: [],
    meta: {},
    engine: 'postgres',
    ...over,
  }
}

type Raw = Record<string, unknown>

/** A coordinator of a test with its store, its source and its agents; disposed with all of them. */
export interface Running extends AsyncDisposable {
  readonly coordinator: Coordinator
  readonly port: number
  readonly store: Store
  /** Where its SQLite file lies. */
  readonly storeFile: string
  readonly source: FakeSource
  agent(options?: Partial<FakeAgentOptions>): Promise<FakeAgent>
  /** Stops the coordinator and starts another one on the same store and port. */
  restart(): Promise<void>
}

/** The configuration of a test coordinator. */
export function testConfig(over: Raw = {}): CoordinatorConfig {
  const { times, ...rest } = over as { times?: Raw }
  return coordinatorConfigSchema.parse({
    listen: '127.0.0.1:0',
    insecure_loopback: true,
    destinations: { main: { url: 'file:///nowhere' } },
    policies: [
      {
        name: 'all',
        every: '1h',
        rpo: '2h',
        destination: 'main',
        retry: { attempts: 3, base_delay: '20ms', max_delay: '50ms' },
      },
    ],
    status: { port: 0 },
    stop_grace: '1s',
    times: { ...shortTimes, ...times },
    ...rest,
  })
}

/** Starts a coordinator that leads, on a new SQLite store. */
export async function running(over: Raw = {}, overrides: CoordinatorOverrides = {}): Promise<Running> {
  const folder = await temporaryFolder('coordinator')
  const log: Log = process.env['HOLDFAST_TEST_LOG']
    ? createLogger({ name: 'coordinator', level: 'debug', format: 'pretty' })
    : silentLog
  const url = `sqlite:${join(folder.path, 'holdfast.db')}`
  const source = new FakeSource()
  const agents: FakeAgent[] = []
  let port = 0
  const begin = async () => {
    const store = overrides.store ?? (await openStore({ url, clock: systemClock, log }))
    const config = testConfig({ ...over, listen: `127.0.0.1:${port}` })
    const coordinator = await startCoordinator(config, log, { sources: [source], ...overrides, store })
    port = coordinator.port
    await waitUntil(() => coordinator.term !== undefined, { what: 'leadership' })
    return { coordinator, store }
  }
  let now = await begin()
  return {
    get coordinator() {
      return now.coordinator
    },
    get store() {
      return now.store
    },
    get port() {
      return port
    },
    storeFile: join(folder.path, 'holdfast.db'),
    source,
    agent: async options => {
      const agent = await FakeAgent.connect({ port, ...options })
      agents.push(agent)
      return agent
    },
    restart: async () => {
      await now.coordinator.stop()
      await now.store.close()
      now = await begin()
    },
    [Symbol.asyncDispose]: async () => {
      for (const agent of agents) agent.cut()
      await now.coordinator.stop()
      await now.store.close()
      await folder.remove()
    },
  }
}

/** A coordinator with one instance whose agent reported one database: the usual beginning. */
export async function withDatabase(
  over: Raw = {},
  agentOptions: Partial<FakeAgentOptions> = {},
  overrides: CoordinatorOverrides = {},
) {
  const fleet = await running(over, overrides)
  fleet.source.show([discovered()])
  const agent = await fleet.agent(agentOptions)
  const watch = await agent.next('watch', each => each.instances.length > 0)
  const instanceId = watch.instances[0]?.instanceId ?? ''
  agent.inventory(instanceId, ['orders'])
  const database = await waitUntil(
    async () => (await fleet.store.read.databases({ size: 10 }, { name: 'orders' })).items[0]?.database,
    { what: 'the database to be known' },
  )
  return { fleet, agent, instanceId, database, [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose]() }
}
