/*
 * A process full of agents: forked by `fleet.ts`, which tells it how many there are and what they do.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { type AgentIdentity, type AuthorityPem, newIdentity } from './certified.ts'
import { LeanAgent } from './lean-agent.ts'

/** What a load process is told. */
export type LoadOrder =
  | {
      readonly what: 'connect'
      readonly address: string
      /** Index of the first agent, in the whole fleet. */
      readonly from: number
      readonly agents: number
      readonly databases: number
      /** Each measures a round trip so often, ms; absent: none does. */
      readonly probeEvery?: number
      /** New connections a second. */
      readonly rate: number
      /** Certifies the agents; absent: plaintext. */
      readonly authority?: AuthorityPem
    }
  /** Databases are told of from now on, and jobs done. */
  | { readonly what: 'tell' }
  /** Begin counting anew and say what was counted. */
  | { readonly what: 'count' }
  | { readonly what: 'end' }

/** What happened since the last count. Times in ms. */
export interface LoadCount {
  readonly connected: number
  readonly lost: number
  /** Streams that ended before Welcome. */
  readonly dialledInVain: number
  readonly started: number
  readonly recorded: number
  readonly roundTrips: readonly number[]
  /** Calls that were refused or dropped. */
  readonly unanswered: number
  /** Longest delay of this process's own event loop: what it measures is never better than that. */
  readonly ownDelay: number
  /** Of each agent that began its first job: since it told of its databases. */
  readonly firstStarts: readonly number[]
  /** Jobs begun in each second, by its number since the epoch. */
  readonly startsBySecond: readonly (readonly [number, number])[]
}

/** Who a host of the fleet is; the coordinator's static file names the same. */
export function hostOf(index: number): string {
  return `host-${String(index).padStart(5, '0')}`
}

const agents: LeanAgent[] = []
/** New connections a second, of this process. */
let rate = 1
let connected = 0
let lost = 0
let dialledInVain = 0
let started = 0
let recorded = 0
let roundTrips: number[] = []
let unanswered = 0
const ownDelay = monitorEventLoopDelay({ resolution: 10 })
ownDelay.enable()
let firstStarts: number[] = []
let startsBySecond = new Map<number, number>()

async function connect(order: Extract<LoadOrder, { what: 'connect' }>): Promise<void> {
  const { address, authority, databases } = order
  rate = order.rate
  const names = Array.from({ length: databases }, (_, index) => `customer_${index}`)
  // keys are made before: what is measured is a fleet that comes up, not one that is born
  const identities: AgentIdentity[] = []
  for (let index = 0; index < order.agents; index++) identities.push(await newIdentity(address, authority))
  for (const [index, identity] of identities.entries()) {
    agents.push(newAgent(address, identity, hostOf(order.from + index), names, order.probeEvery))
    await pause(1_000 / order.rate)
  }
}

function newAgent(
  address: string,
  identity: AgentIdentity,
  host: string,
  names: readonly string[],
  probeEvery: number | undefined,
): LeanAgent {
  let toldAt: number | undefined
  const agent = new LeanAgent(
    address,
    identity,
    host,
    names,
    {
      welcomed: () => {
        connected++
      },
      told: () => {
        toldAt ??= performance.now()
      },
      started: () => {
        started++
        const second = Math.floor(Date.now() / 1_000)
        startsBySecond.set(second, (startsBySecond.get(second) ?? 0) + 1)
        if (toldAt === undefined || Number.isNaN(toldAt)) return
        firstStarts.push(performance.now() - toldAt)
        toldAt = Number.NaN
      },
      recorded: () => {
        recorded++
      },
      roundTrip: ms => roundTrips.push(ms),
      unanswered: () => {
        unanswered++
      },
      lost: welcomed => {
        if (welcomed) {
          connected--
          lost++
        } else dialledInVain++
      },
    },
    probeEvery,
  )
  return agent
}

/** At the pace at which they connected: a host tells of its databases when it comes up. */
async function tell(): Promise<void> {
  for (const agent of agents) {
    agent.tell()
    await pause(1_000 / rate)
  }
}

function count(): LoadCount {
  const counted = {
    connected,
    lost,
    dialledInVain,
    started,
    recorded,
    roundTrips,
    unanswered,
    ownDelay: ownDelay.max / 1e6,
    firstStarts,
    startsBySecond: [...startsBySecond],
  }
  ownDelay.reset()
  unanswered = 0
  roundTrips = []
  firstStarts = []
  startsBySecond = new Map()
  return counted
}

process.on('message', (order: LoadOrder) => {
  switch (order.what) {
    case 'connect':
      void connect(order)
      return
    case 'tell':
      void tell()
      return
    case 'count':
      process.send?.(count())
      return
    case 'end':
      for (const agent of agents) agent.end()
      process.disconnect()
  }
})
