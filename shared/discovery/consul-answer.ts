import { z } from 'zod'
import { AppError } from '../errors/index.ts'
import { type EngineKind, isEngineKind } from '../model/engine.ts'
import type { NamedSelector } from './consul-selector.ts'
import type { DiscoveredInstance } from './port.ts'

const text = z
  .string()
  .nullish()
  .transform(value => value ?? '')

/** What we need of an entry of `/v1/catalog/service/NAME`; whatever else is in it is ignored. */
const entrySchema = z.object({
  ID: text,
  Node: z.string().min(1),
  Address: text,
  Datacenter: text,
  Namespace: text,
  ServiceID: z.string().min(1),
  ServiceName: z.string().min(1),
  ServiceAddress: text,
  ServicePort: z.int().min(0).max(65_535).nullish(),
  ServiceTags: z.array(z.string()).nullish(),
  ServiceMeta: z.record(z.string(), z.string()).nullish(),
})

/** The port of an engine's server when nobody says otherwise. */
export const usualPorts: Readonly<Record<EngineKind, number>> = { postgres: 5432, mysql: 3306, mariadb: 3306 }

/** Reads a catalog answer; anything but a list of whole entries of this service is `discovery.invalid`. */
export function instancesFrom(body: unknown, service: NamedSelector): readonly DiscoveredInstance[] {
  const parsed = z.array(entrySchema).safeParse(body)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const at = issue === undefined || issue.path.length === 0 ? 'the answer' : issue.path.join('.')
    throw new AppError('discovery.invalid', {
      message: `consul gave an answer for service ${service.name} that makes no sense: ${at}: ${issue?.message ?? 'not a list'}`,
      context: { service: service.name },
    })
  }
  return parsed.data
    .map((entry): DiscoveredInstance => {
      const meta = entry.ServiceMeta ?? {}
      const said = (Object.hasOwn(meta, 'engine') ? (meta.engine ?? '') : '').toLowerCase()
      const engine = said === '' ? service.engine : isEngineKind(said) ? said : undefined
      const port = entry.ServicePort ?? 0
      return {
        datacenter: entry.Datacenter === '' ? 'dc1' : entry.Datacenter,
        namespace: entry.Namespace === '' ? 'default' : entry.Namespace,
        nodeId: entry.ID,
        nodeName: entry.Node,
        nodeAddress: entry.Address,
        serviceId: entry.ServiceID,
        serviceName: entry.ServiceName,
        address: entry.ServiceAddress === '' ? entry.Address : entry.ServiceAddress,
        port: port > 0 || engine === undefined ? port : usualPorts[engine],
        tags: [...(entry.ServiceTags ?? [])].sort(),
        meta: Object.fromEntries(Object.entries(meta).sort(([a], [b]) => (a < b ? -1 : 1))),
        ...(engine === undefined ? {} : { engine }),
      }
    })
    .sort((a, b) => (`${a.nodeName}\0${a.serviceId}` < `${b.nodeName}\0${b.serviceId}` ? -1 : 1))
}

/** What we need of `/v1/catalog/services`: each service with the tags any of its instances has. */
const namesSchema = z.record(z.string(), z.array(z.string()).nullable())

/** Reads the list of services; anything else is `discovery.invalid`. */
export function serviceNamesFrom(body: unknown): ReadonlyMap<string, readonly string[]> {
  const parsed = namesSchema.safeParse(body)
  if (!parsed.success)
    throw new AppError('discovery.invalid', {
      message: 'consul gave a list of services that makes no sense',
      context: {},
    })
  return new Map(Object.entries(parsed.data).map(([name, tags]) => [name, tags ?? []]))
}
