import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { connect, type Coordinator as Operator } from '../../cli/connect.ts'
import type { AttemptRecord } from '../../coordinator/store/records.ts'
import type { Failure } from '../../shared/errors/index.ts'
import type { ObjectStore } from '../../shared/object-store/index.ts'
import {
  freePorts,
  type PostgresServer,
  type S3Server,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'
import { type AgentOptions, type StackLogin, writeAgentConfig } from '../harness/stack/agent-config.ts'
import { type ManagedProcess, managedProcess } from '../harness/stack/managed-process.ts'
import { bucketStore } from './bucket.ts'
import { type Catalog, postgresCatalog, sqliteCatalog } from './catalog.ts'
import { descendants, type SeenProcess } from './children.ts'
import { type FakeTools, fakeTools, toolPath } from './fake-tools.ts'

/** Short enough that a lease runs out while a test looks on, long enough for two busy cores. */
export const shortTimes = {
  heartbeat: '300ms',
  lease_ttl: '4s',
  accept: '3s',
  start: '4s',
  inventory: '2s',
  plan: '100ms',
  protection: '300ms',
  lease_tick: '100ms',
  last_seen: '500ms',
  agent_gone: '1h',
  debris_retry: '500ms',
  leader_stale: '4s',
  leader_renew: '400ms',
  leader_margin: '1s',
} as const

export interface FleetOptions {
  readonly postgres: PostgresServer
  /** Else a directory. `endpoint`: what the agents talk to, e.g. a fault proxy. */
  readonly s3?: {
    readonly server: S3Server
    readonly endpoint?: string
    readonly region?: string
    readonly bucket?: string
  }
  /** More than one coordinator share a store in this PostgreSQL; one has SQLite. */
  readonly coordinators?: { readonly count: number; readonly store: PostgresServer }
  /** Default: one agent `host1`. All serve `postgres` at node `host1` unless they say otherwise. */
  readonly agents?: readonly (Partial<AgentOptions> & { readonly name: string })[]
  /** Node in the static file that the server runs on. */
  readonly node?: string
  /** In place of the static file: the `discovery` section. */
  readonly discovery?: object
  readonly times?: Partial<Record<keyof typeof shortTimes, string>>
  readonly exclude?: readonly string[]
  readonly policies?: readonly object[]
  /** Beside `main`. */
  readonly destinations?: Readonly<Record<string, object>>
  /** Environment of the agents at their first start. */
  readonly agentEnv?: Readonly<Record<string, string>>
  /** Without a keeper nobody cleans up. */
  readonly keeper?: boolean
  readonly attempts?: number
  /** Where the keeper dials, when not the first coordinator. */
  readonly keeperDials?: string
  /** Port of the first coordinator; for proxies that must know it beforehand. */
  readonly listen?: number
}

export type FleetProcess = ManagedProcess & { readonly stateFolder: string; readonly statusUrl: string }

/** How a job ended, as the catalog has it. */
export interface JobEnd {
  readonly state: string
  readonly attempts: number
  readonly epoch: number
  readonly failure: Failure | undefined
  /** Why it was cancelled, when it was. */
  readonly cancelledFor?: string
}

/** A whole Holdfast of separate processes for fault tests: what they are told by, asked by and judged by. */
export interface Fleet extends AsyncDisposable {
  readonly folder: string
  readonly tools: FakeTools
  readonly coordinators: readonly (FleetProcess & { readonly address: string })[]
  readonly coordinator: FleetProcess & { readonly address: string }
  /** Those that were given in the options, and `keeper`. */
  agent(name: string): FleetProcess
  readonly agents: readonly FleetProcess[]
  readonly keeper: FleetProcess
  readonly bucket: ObjectStore
  readonly catalog: Catalog
  readonly operator: Operator
  /** Starts everything, waits until every database in the server was backed up once when `databases` are named. */
  start(databases?: readonly string[]): Promise<void>
  /** Asks for a backup by hand; retried while nobody leads. Returns the job's id. */
  backUp(database: string): Promise<string>
  /** Every attempt of a job, oldest first. */
  attempts(jobId: string): Promise<readonly AttemptRecord[]>
  /** Waits for a state of the job, as the catalog has it. */
  reaches(jobId: string, ...states: string[]): Promise<void>
  /** The job's end. */
  ended(jobId: string): Promise<JobEnd>
  /** Remembers the children an agent has now: the judgements demand that all of them are gone. */
  noteChildren(agent?: FleetProcess): SeenProcess[]
  readonly noted: readonly SeenProcess[]
}

/** Lays a fleet out; nothing runs before `start`. */
export async function layFleet(options: FleetOptions): Promise<Fleet> {
  const temporary = await temporaryFolder('fleet')
  const folder = temporary.path
  const { postgres } = options
  const count = options.coordinators?.count ?? 1
  const agentOptions = [
    ...(options.agents ?? [{ name: 'host1' }]),
    ...(options.keeper === false
      ? []
      : [
          {
            name: 'keeper',
            keeper: true,
            ...(options.keeperDials === undefined ? {} : { coordinator: options.keeperDials }),
          },
        ]),
  ]
  let nextPort = await freePorts(2 * (count + agentOptions.length))
  const port = () => nextPort++
  const tools = await fakeTools(join(folder, 'fakes'), {
    pg_dump: join(postgres.bin, 'pg_dump'),
    zstd: await toolPath('zstd'),
  })
  const s3 = options.s3?.server
  const bucketName = s3 === undefined ? undefined : (options.s3?.bucket ?? (await s3.createBucket()))
  const destination =
    bucketName === undefined ? `file://${join(folder, 'bucket')}` : `s3://${bucketName}/fleet`
  if (bucketName === undefined) await mkdir(join(folder, 'bucket'))
  const storeDatabase = `holdfast_${folder
    .slice(-6)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, 'x')}`
  const shared = options.coordinators?.store
  const sqlite = join(folder, 'holdfast.db')
  if (shared !== undefined) await shared.createDatabase(storeDatabase)

  const login: StackLogin = {
    engine: 'postgres',
    port: postgres.port,
    user: postgres.user,
    passwordFile: postgres.passwordFile,
  }
  const staticFile = join(folder, 'instances.yaml')
  await writeFile(
    staticFile,
    stringify({
      instances: [
        {
          name: 'orders',
          engine: 'postgres',
          host: options.node ?? 'host1',
          address: '127.0.0.1',
          port: postgres.port,
        },
      ],
    }),
  )
  const coordinators = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const listen = index === 0 && options.listen !== undefined ? options.listen : port()
      const status = port()
      const address = `127.0.0.1:${listen}`
      const home = join(folder, `coordinator${index + 1}`)
      await mkdir(home)
      const file = join(home, 'coordinator.yaml')
      const config = {
        listen: address,
        insecure_loopback: true,
        store:
          shared === undefined
            ? { url: `sqlite:${sqlite}` }
            : {
                url: `postgres://${shared.user}@127.0.0.1:${shared.port}/${storeDatabase}`,
                password_file: shared.passwordFile,
              },
        discovery: options.discovery ?? { static_file: staticFile },
        destinations: {
          ...options.destinations,
          main: {
            url: destination,
            ...(s3 === undefined
              ? {}
              : {
                  endpoint: options.s3?.endpoint ?? s3.endpoint,
                  region: options.s3?.region ?? s3.region,
                  profile: 'ceph',
                }),
          },
        },
        policies: options.policies ?? [
          {
            name: 'gold',
            match: { exclude: ['postgres', 'holdfast_*', ...(options.exclude ?? [])] },
            every: '12h',
            rpo: '26h',
            destination: 'main',
            retry: { attempts: options.attempts ?? 3, base_delay: '100ms', max_delay: '1h' },
          },
        ],
        times: { ...shortTimes, ...options.times },
        status: { port: status },
        log: { level: 'debug', format: 'json' },
        stop_grace: '2s',
      }
      await writeFile(file, stringify(config))
      const process = managedProcess({
        name: `coordinator${index + 1}`,
        launcher: 'holdfast-coordinator',
        args: ['run', '--config', file],
        logFile: join(home, 'log'),
        env: {},
      })
      return beside(process, { stateFolder: home, statusUrl: `http://127.0.0.1:${status}`, address })
    }),
  )
  const [first] = coordinators
  if (first === undefined) throw new Error('a fleet has a coordinator')
  const agents = new Map<string, FleetProcess>()
  for (const each of agentOptions) {
    const status = port()
    const home = join(folder, each.name)
    const { keeper = false } = each
    const file = await writeAgentConfig(
      home,
      {
        node: each.name,
        logins: keeper ? [] : [login],
        toolPaths: tools.paths,
        toolFolders: [postgres.bin],
        ...each,
      },
      { coordinator: first.address, statusPort: status, ...(s3 === undefined ? {} : { s3 }) },
    )
    const process = managedProcess({
      name: each.name,
      launcher: 'holdfast-agent',
      args: ['run', '--config', file],
      logFile: join(home, 'log'),
      // agents that are back soon: a lease is not to run out for want of a dial
      env: { HOLDFAST_COORDINATOR__LONGEST_WAIT: '1s' },
    })
    agents.set(
      each.name,
      beside(process, { stateFolder: join(home, 'state'), statusUrl: `http://127.0.0.1:${status}` }),
    )
  }
  const named = (name: string): FleetProcess => {
    const agent = agents.get(name)
    if (agent === undefined) throw new Error(`the fleet has no agent ${name}`)
    return agent
  }
  const bucket = bucketStore(destination, s3)
  const operator = connect(first.address)
  const noted: SeenProcess[] = []
  const catalog = shared === undefined ? sqliteCatalog(sqlite) : postgresCatalog(shared, storeDatabase)
  let requests = 0

  const started = async (databases: readonly string[] | undefined): Promise<void> => {
    // one after the other, so that the first leads
    for (const each of coordinators) {
      await each.start()
      await ready(first)
    }
    for (const each of agents.values()) await each.start(options.agentEnv)
    for (const each of agents.values()) await ready(each)
    for (const name of databases ?? [])
      await waitUntil(
        async () => (await catalog.backups()).some(each => each.subjectName.endsWith(`/${name}`)),
        {
          what: `the first backup of ${name}`,
          timeout: 60_000,
          interval: 50,
        },
      )
    if (databases !== undefined)
      await waitUntil(async () => (await catalog.jobs()).every(each => isEnd(each.state.kind)), {
        what: 'the first jobs to end',
        timeout: 60_000,
        interval: 50,
      })
  }

  const fleet: Fleet = {
    folder,
    tools,
    coordinators,
    coordinator: first,
    agent: named,
    agents: [...agents.values()],
    get keeper() {
      return named('keeper')
    },
    bucket,
    catalog,
    operator,
    noted,
    start: async databases => {
      try {
        await started(databases)
      } catch (error) {
        await fleet[Symbol.asyncDispose]()
        throw error
      }
    },
    backUp: async database => {
      const requestId = `${folder}/${++requests}`
      const job = await waitUntil(
        async () =>
          (
            await operator
              .ask('startBackup', { database, requestId, reason: 'fault test' })
              .catch((error: unknown) => {
                if (/unreachable|leader|draining|deadline/.test(String((error as { code?: string }).code)))
                  return undefined
                throw error
              })
          )?.job,
        { what: 'a coordinator that takes the request', timeout: 30_000 },
      )
      return job.jobId
    },
    attempts: async jobId =>
      (await catalog.attempts()).filter(each => each.jobId === jobId).sort((a, b) => a.epoch - b.epoch),
    reaches: async (jobId, ...states) => {
      let last = 'nothing'
      await waitUntil(
        async () => {
          last = (await catalog.jobs()).find(each => each.id === jobId)?.state.kind ?? 'nothing'
          return states.includes(last)
        },
        { what: `job ${jobId} to be ${states.join(' or ')}`, timeout: 60_000, interval: 50 },
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}; it is ${last}`)
      })
    },
    ended: async jobId => {
      await fleet.reaches(jobId, 'succeeded', 'failed', 'cancelled')
      const job = (await catalog.jobs()).find(each => each.id === jobId)
      if (job === undefined) throw new Error('an ended job does not go away')
      const { state, attempts, epoch } = job
      return {
        state: state.kind,
        attempts,
        epoch,
        failure: state.kind === 'failed' ? state.failure : undefined,
        ...(state.kind === 'cancelled' ? { cancelledFor: state.reason } : {}),
      }
    },
    noteChildren: (agent = named(agentOptions[0]?.name ?? 'host1')) => {
      const seen = descendants(agent.pid)
      noted.push(...seen)
      return seen
    },
    [Symbol.asyncDispose]: async () => {
      operator.close()
      tools.heal()
      for (const each of [...agents.values(), ...coordinators]) await each.stop()
      await bucket.close()
      await temporary.remove()
    },
  }
  return fleet
}

export function isEnd(state: string): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled'
}

/** Waits until `/readyz` says so; a process that ended first is told with the end of its log. */
export async function ready(process: FleetProcess): Promise<void> {
  const answer = await waitUntil(
    async () => {
      if (!process.running) return 'ended'
      return (await fetch(`${process.statusUrl}/readyz`)).ok ? 'ready' : undefined
    },
    { what: `${process.name} to be ready`, timeout: 60_000, interval: 50 },
  )
  if (answer === 'ended') throw new Error(`${process.name} ended: ${process.log().slice(-2000)}`)
}

/** The process with more beside it; getters stay getters. */
function beside<T extends object, M extends object>(target: T, more: M): T & M {
  return Object.defineProperties(Object.create(target), Object.getOwnPropertyDescriptors(more))
}
