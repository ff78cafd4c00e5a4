import { type Clock, systemClock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import { type Log, silentLog } from '../log/index.ts'
import { Crowd } from './consul-crowd.ts'
import { ConsulLine, type ConsulTls } from './consul-line.ts'
import { watchNames } from './consul-names.ts'
import { ConsulParts } from './consul-parts.ts'
import type { ServiceSelector } from './consul-selector.ts'
import { watchService } from './consul-service.ts'
import type { ConsulTimes, ConsulWorld } from './consul-watch.ts'
import type { Discovery } from './port.ts'
import { reportChanges } from './reporter.ts'

export interface ConsulDiscoveryOptions {
  /** `http://127.0.0.1:8500`, without path. */
  readonly address: string
  readonly services: readonly ServiceSelector[]
  /** Each service is looked for in each; default the datacenter of the agent at `address`. */
  readonly datacenters?: readonly string[]
  readonly tls?: ConsulTls
  /** The ACL token, read anew for every question: `() => readSecretFile(path)`. Default none. */
  readonly token?: () => Promise<string | undefined>
  readonly times?: Partial<ConsulTimes>
  /** Questions that may wait at Consul at a time. */
  readonly mostWaiting?: number
  readonly clock?: Clock
  readonly dice?: () => number
  readonly log?: Log
}

const usualTimes: ConsulTimes = {
  wait: 60_000,
  // longer than a server without a leader holds a question (7 s): it is to say so itself
  network: 10_000,
  pause: 500,
  poll: 15_000,
  emptyGrace: 60_000,
  retryFirst: 1_000,
  retryMost: 60_000,
}

/**
 * Instances from Consul's catalog, one question a service and datacenter. The first snapshot comes when every one
 * has been answered or has failed once; it is `ok` only while every one of them is.
 * Throws `usage.invalid` for no service, a selector that says nothing, or an address that is no URL.
 */
export function consulDiscovery(options: ConsulDiscoveryOptions): Discovery {
  const address = URL.parse(options.address)
  const selects = ({ name, tag, filter }: ServiceSelector) => (name ?? tag ?? filter) !== undefined
  if (
    address === null ||
    !/^https?:$/.test(address.protocol) ||
    options.services.length === 0 ||
    !options.services.every(selects)
  )
    throw new AppError('usage.invalid', {
      message:
        'discovery from consul needs an http(s) address and at least one service, each by name, tag or filter',
      context: { address: options.address },
    })
  const log = options.log ?? silentLog
  const clock = options.clock ?? systemClock
  const source = 'consul'
  return {
    source,
    watch: async (onSnapshot, signal) => {
      const world: ConsulWorld = {
        line: new ConsulLine(address, options.tls, clock),
        token: options.token ?? (() => Promise.resolve(undefined)),
        times: { ...usualTimes, ...options.times },
        crowd: new Crowd(options.mostWaiting),
        clock,
        dice: options.dice ?? Math.random,
      }
      const report = reportChanges(onSnapshot, log)
      const parts = new ConsulParts(source, report)
      const datacenters = options.datacenters ?? [undefined]
      const asked = options.services.flatMap(service =>
        datacenters.map(datacenter => ({ service, ...(datacenter === undefined ? {} : { datacenter }) })),
      )
      // all are known before the first answers: a snapshot waits for every one
      const begun = asked.map(each => begin(world, parts, each, signal))
      try {
        await Promise.all(begun.map(start => start()))
      } finally {
        world.line.destroy()
      }
    },
  }
}

interface Asked {
  readonly service: ServiceSelector
  readonly datacenter?: string
}

/** Enters a question, and returns what follows it until the signal. */
function begin(world: ConsulWorld, parts: ConsulParts, asked: Asked, signal: AbortSignal) {
  const { service, datacenter } = asked
  const { name } = service
  return name === undefined
    ? followNames(world, parts, asked, signal)
    : followService(world, parts, { service: { ...service, name }, ...dc(datacenter) }, signal)
}

function followService(
  world: ConsulWorld,
  parts: ConsulParts,
  question: Parameters<typeof watchService>[1],
  signal: AbortSignal,
) {
  const part = parts.open({ service: question.service.name, ...dc(question.datacenter) })
  return async () => {
    world.crowd.join()
    try {
      await watchService(world, question, view => parts.set(part, view), signal)
    } finally {
      world.crowd.leave()
    }
  }
}

/** Each service of the list is followed; one that left the list, until its instances are believed to be gone. */
function followNames(
  world: ConsulWorld,
  parts: ConsulParts,
  { service, datacenter }: Asked,
  signal: AbortSignal,
) {
  const list = parts.open(dc(datacenter))
  const followed = new Map<string, AbortController>()
  const running = new Set<Promise<void>>()
  const follow = (name: string) => {
    const own = new AbortController()
    followed.set(name, own)
    const part = parts.open({ service: name, ...dc(datacenter) })
    world.crowd.join()
    const run = watchService(
      world,
      { service: { ...service, name }, ...dc(datacenter) },
      view => {
        const ended = view.error === undefined && view.instances?.length === 0 && !listed.has(name)
        if (!ended) return parts.set(part, view)
        own.abort()
        followed.delete(name)
        parts.close(part)
      },
      AbortSignal.any([signal, own.signal]),
    ).finally(() => {
      world.crowd.leave()
      running.delete(run)
    })
    running.add(run)
  }
  let listed: ReadonlySet<string> = new Set()
  return async () => {
    await watchNames(
      world,
      service,
      datacenter,
      view => {
        if (view.kind === 'failing') return parts.set(list, { error: view.error })
        listed = new Set(view.names)
        for (const name of view.names) if (!followed.has(name)) follow(name)
        parts.set(list, { instances: [] })
      },
      signal,
    )
    await Promise.all(running)
  }
}

function dc(datacenter: string | undefined) {
  return datacenter === undefined ? {} : { datacenter }
}
