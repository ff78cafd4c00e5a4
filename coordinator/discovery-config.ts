import { z } from 'zod'
import { duration, secret, secretFile, url } from '../shared/config/index.ts'
import {
  type ConsulTls,
  consulDiscovery,
  type Discovery,
  staticFileDiscovery,
} from '../shared/discovery/index.ts'
import type { Log } from '../shared/log/index.ts'
import { engineKinds } from '../shared/model/engine.ts'
import { readSecret } from '../shared/secrets/index.ts'

const text = z.string().min(1)

const service = z
  .strictObject({
    name: text.optional(),
    /** Only instances with this tag; without `name`, of every service. */
    tag: text.optional(),
    /** Only instances that this expression of Consul's language lets through, such as `ServiceMeta.team == "orders"`. */
    filter: text.optional(),
    /** The engine of instances whose meta says none. */
    engine: z.enum(engineKinds).optional(),
  })
  .refine(({ name, tag, filter }) => (name ?? tag ?? filter) !== undefined, {
    message: 'must have at least one of `name`, `tag` and `filter`',
  })

export const consulTlsSchema = z
  .strictObject({
    /** Who signs Consul's certificates; default the authorities the machine trusts. */
    ca_file: text.optional(),
    /** Our certificate, where Consul asks for one; with `key_file`. */
    cert_file: text.optional(),
    key_file: secretFile().optional(),
    /** The name Consul's certificate carries, such as `server.dc1.consul`; default the host of `address`. */
    server_name: text.optional(),
  })
  .refine(({ cert_file: cert, key_file: key }) => (cert === undefined) === (key === undefined), {
    message: 'must have both of `cert_file` and `key_file`, or none',
  })

const consul = z
  .strictObject({
    address: url().prefault('http://127.0.0.1:8500'),
    token_file: secret().optional(),
    services: z.array(service).min(1),
    /** Where the services are looked for; default the datacenter of the Consul at `address`. */
    datacenters: z.array(text).min(1).optional(),
    tls: consulTlsSchema.optional(),
    /** How long an empty answer, or one without most of what was known, must last before it is believed. */
    empty_grace: duration().prefault('1m'),
  })
  .refine(({ address, tls: said }) => said === undefined || address.startsWith('https:'), {
    path: ['tls'],
    message: 'must not be given unless `address` begins with https:',
  })

/** Where instances are known from. */
export const discoverySchema = z.strictObject({
  consul: consul.optional(),
  /** A YAML file of instances. */
  static_file: text.optional(),
})

/** The sources that are configured. */
export function discoverySourcesOf(
  { consul, static_file: path }: z.infer<typeof discoverySchema>,
  log: Log,
): readonly Discovery[] {
  return [
    ...(consul === undefined ? [] : [fromConsul(consul, log)]),
    ...(path === undefined ? [] : [staticFileDiscovery({ path, log })]),
  ]
}

function fromConsul(said: z.infer<typeof consul>, log: Log): Discovery {
  const { token_file: tokenFile, datacenters, tls: files } = said
  return consulDiscovery({
    address: said.address,
    services: said.services.map(({ name, tag, filter, engine }) => ({
      ...(name === undefined ? {} : { name }),
      ...(tag === undefined ? {} : { tag }),
      ...(filter === undefined ? {} : { filter }),
      ...(engine === undefined ? {} : { engine }),
    })),
    times: { emptyGrace: said.empty_grace },
    log,
    ...(datacenters === undefined ? {} : { datacenters }),
    ...(files === undefined
      ? {}
      : {
          tls: consulTlsOf(files),
        }),
    ...(tokenFile === undefined ? {} : { token: () => readSecret(tokenFile) }),
  })
}

/** How Consul is to be believed, as the room of discovery takes it. */
export function consulTlsOf(files: z.infer<typeof consulTlsSchema>): ConsulTls {
  return {
    ...(files.ca_file === undefined ? {} : { caFile: files.ca_file }),
    ...(files.cert_file === undefined ? {} : { certFile: files.cert_file }),
    ...(files.key_file === undefined ? {} : { keyFile: files.key_file }),
    ...(files.server_name === undefined ? {} : { serverName: files.server_name }),
  }
}
