import Consul from 'consul'
import { type Clock, systemClock } from '../clock/index.ts'
import { AppError } from '../errors/index.ts'
import { type Log, silentLog } from '../log/index.ts'
import type { ServiceSelector } from './consul-answer.ts'
import { type ConsulTimes, type ServiceView, watchService } from './consul-service.ts'
import type { Discovery, DiscoverySnapshot } from './port.ts'
import { reportChanges } from './reporter.ts'

export interface ConsulDiscoveryOptions {
  /** `http://127.0.0.1:8500`, without path. */
  readonly address: string
  readonly services: readonly ServiceSelector[]
  /** The ACL token, read anew for every question: `() => readSecretFile(path)`. Default none. */
  readonly token?: () => Promise<string | undefined>
  readonly times?: Partial<ConsulTimes>
  readonly clock?: Clock
  readonly dice?: () => number
  readonly log?: Log
}

const usualTimes: ConsulTimes = {
  wait: 60_000,
  network: 5_000,
  pause: 500,
  emptyGrace: 60_000,
  retryFirst: 1_000,
  retryMost: 60_000,
}

/**
 * Instances from Consul's catalog, one blocking query a service. The first snapshot comes when every service
 * has answered or failed once; it is `ok` only while every one of them is.
 * Throws `usage.invalid` for no service, or an address that is no URL.
 */
export function consulDiscovery(options: ConsulDiscoveryOptions): Discovery {
  const address = URL.parse(options.address)
  if (address === null || !/^https?:$/.test(address.protocol) || options.services.length === 0)
    throw new AppError('usage.invalid', {
      message: 'discovery from consul needs an http(s) address and at least one service name',
      context: { address: options.address },
    })
  const log = options.log ?? silentLog
  const source = 'consul'
  return {
    source,
    watch: async (onSnapshot, signal) => {
      const secure = address.protocol === 'https:'
      const consul = new Consul({
        host: address.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: address.port === '' ? (secure ? 443 : 80) : Number(address.port),
        secure,
      })
      const report = reportChanges(onSnapshot, log)
      const views = new Map<string, ServiceView>()
      const onView = (name: string) => (view: ServiceView) => {
        views.set(name, view)
        if (views.size === new Set(options.services.map(each => each.name)).size)
          report(combine(source, views))
      }
      try {
        await Promise.all(
          options.services.map(service =>
            watchService(
              {
                consul,
                baseUrl: address.origin,
                service,
                token: options.token ?? (() => Promise.resolve(undefined)),
                times: { ...usualTimes, ...options.times },
                clock: options.clock ?? systemClock,
                dice: options.dice ?? Math.random,
              },
              onView(service.name),
              signal,
            ),
          ),
        )
      } finally {
        consul.destroy()
      }
    },
  }
}

function combine(source: string, views: ReadonlyMap<string, ServiceView>): DiscoverySnapshot {
  const all = [...views.values()]
  const error = all.find(view => view.error !== undefined)?.error
  return {
    source,
    instances: all.flatMap(view => view.instances ?? []),
    health: error === undefined ? { kind: 'ok' } : { kind: 'failing', error },
  }
}
