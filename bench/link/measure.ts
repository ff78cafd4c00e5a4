import { loadavg } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { temporaryFolder } from '../../test/harness/index.ts'
import { Fleet } from './fleet.ts'
import { type StoreKind, startStore } from './store.ts'
import { startSubject } from './subject.ts'

/** What was seen of one fleet. */
export interface FleetMeasure {
  readonly agents: number
  readonly databases: number
  readonly store: StoreKind
  readonly tls: boolean
  /** Seconds until every agent was welcomed. */
  readonly connect: number
  /** Resident bytes of the coordinator more than without agents. */
  readonly rss: number
  /** CPU seconds of the coordinator a second, while agents only beat. */
  readonly beatingCpu: number
  /** Small calls on agents' own connections while all only beat, ms. */
  readonly beats: readonly number[]
  /** The same while everything is due. */
  readonly busyBeats: readonly number[]
  /** Such calls that were refused or dropped, all the time. */
  readonly unanswered: number
  /** Longest delay of a load process's own event loop while everything is due, ms. */
  readonly ownDelay: number
  /** From telling of databases to the first job begun, by agent, ms. */
  readonly firstStarts: readonly number[]
  /** Most jobs begun in one second. */
  readonly peakStarts: number
  readonly recorded: number
  /** Seconds until as many were recorded. */
  readonly work: number
  /** Steps of the store a second meanwhile. */
  readonly steps: number
  /** CPU seconds of the coordinator a recorded backup. */
  readonly cpuEach: number
  /** Delay of the coordinator's event loop, ms. */
  readonly beatingDelay: LoopDelay
  /** The same while everything was due. */
  readonly loopDelay: LoopDelay
  /** Streams that ended before their time. */
  readonly lost: number
  /** Streams that ended before Welcome; such an agent dialled again. */
  readonly dialledInVain: number
  readonly load: number
}

/** Delay of an event loop, ms. */
export interface LoopDelay {
  readonly p99: number
  readonly max: number
}

/** Connections a second while a fleet comes up. */
const rate = 200
const stepsMetric = 'holdfast_store_steps_total'
/** Longer than this nothing is waited for, s. */
const patience = 1_800

/** One coordinator, one fleet, from connecting to everything backed up. */
export async function measureFleet(
  options: Pick<FleetMeasure, 'agents' | 'databases' | 'store' | 'tls'> & {
    readonly seconds: number
    readonly profile: string | undefined
  },
  report: (line: string) => void,
): Promise<FleetMeasure> {
  const { agents, databases, seconds, tls } = options
  await using folder = await temporaryFolder('bench-link')
  await using store = await startStore(options.store, folder.path)
  await using subject = await startSubject(folder.path, agents, { store, tls, profile: options.profile })
  const idle = subject.rss()
  const began = performance.now()
  const { address, authority } = subject
  await using fleet = Fleet.start({
    address,
    agents,
    databases,
    rate,
    ...(authority === undefined ? {} : { authority }),
  })
  await until(async () => (await fleet.count()).connected >= agents, `${agents} agents to connect`)
  const connect = since(began)
  report(`${agents} agents connected in ${connect.toFixed(0)} s`)

  // one heartbeat of each, so that what they cost is there
  await pause(10_000)
  await fleet.count()
  await subject.metrics()
  const cpuBefore = subject.cpu()
  await pause(seconds * 1_000)
  const beatingCpu = (subject.cpu() - cpuBefore) / seconds
  const rss = subject.rss() - idle
  const beating = await fleet.count()

  const due = agents * databases
  const workBegan = performance.now()
  const [before, workCpu] = [await subject.metrics(), subject.cpu()]
  fleet.tell()
  const seen = {
    starts: new Map<number, number>(),
    beats: [] as number[],
    unanswered: beating.unanswered,
    ownDelay: 0,
    first: [] as number[],
    recorded: 0,
    lost: 0,
    dialledInVain: 0,
  }
  await until(
    async () => {
      const count = await fleet.count()
      for (const [second, starts] of count.startsBySecond)
        seen.starts.set(second, (seen.starts.get(second) ?? 0) + starts)
      seen.beats.push(...count.roundTrips)
      seen.unanswered += count.unanswered
      seen.ownDelay = Math.max(seen.ownDelay, count.ownDelay)
      seen.first.push(...count.firstStarts)
      seen.recorded = count.recorded
      seen.lost = count.lost
      seen.dialledInVain = count.dialledInVain
      return count.recorded >= due
    },
    `${due} backups`,
    report,
  )
  const work = since(workBegan)
  const after = await subject.metrics()
  report(`${seen.recorded} backups in ${work.toFixed(0)} s`)
  return {
    agents,
    databases,
    store: options.store,
    tls,
    connect,
    rss,
    beatingCpu,
    beats: beating.roundTrips,
    busyBeats: seen.beats,
    unanswered: seen.unanswered,
    ownDelay: seen.ownDelay,
    firstStarts: seen.first,
    peakStarts: Math.max(0, ...seen.starts.values()),
    recorded: seen.recorded,
    work,
    steps: (after(stepsMetric) - before(stepsMetric)) / work,
    cpuEach: (subject.cpu() - workCpu) / Math.max(1, seen.recorded),
    beatingDelay: delayOf(before),
    loopDelay: delayOf(after),
    lost: seen.lost,
    dialledInVain: seen.dialledInVain,
    load: loadavg()[0] ?? 0,
  }
}

function delayOf(metrics: (name: string) => number): LoopDelay {
  return {
    p99: metrics('holdfast_nodejs_eventloop_lag_p99_seconds') * 1_000,
    max: metrics('holdfast_nodejs_eventloop_lag_max_seconds') * 1_000,
  }
}

function since(began: number): number {
  return (performance.now() - began) / 1_000
}

/** Gives up, and says so, rather than never to end: what was seen until then is told. */
async function until(
  done: () => Promise<boolean>,
  what: string,
  report: (line: string) => void = () => {},
): Promise<void> {
  const began = performance.now()
  while (!(await done())) {
    if (since(began) > patience) {
      report(`gave up waiting for ${what} after ${patience} s`)
      return
    }
    await pause(1_000)
  }
}
