import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { freePorts } from './free-port.ts'
import { type OwnedProcess, startProcess } from './owned-process.ts'
import { servicesFolder } from './project-root.ts'
import { provision } from './provision.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { waitUntil } from './wait-until.ts'

export interface ConsulOptions {
  /** Default policy deny, with a management token. An anonymous query then gets an empty 200, as in life. */
  readonly acl?: boolean
  /** PEM files. It then listens on `tlsUrl` too, to those with a certificate of this authority. */
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string }
  readonly datacenter?: string
  /** Federated with this one, of another datacenter. */
  readonly joins?: ConsulServer
}

/** A service to register with the agent. */
export interface ConsulRegistration {
  readonly name: string
  readonly id?: string
  readonly address?: string
  readonly port?: number
  readonly tags?: readonly string[]
  readonly meta?: Readonly<Record<string, string>>
}

/** A Consul of a test: one development-mode node, nothing kept on disk. */
export interface ConsulServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly url: string
  /** With `tls`. */
  readonly tlsUrl: string
  readonly wanPort: number
  readonly datacenter: string
  /** The management token when ACLs are on. */
  readonly token: string | undefined
  readonly pid: number
  register(service: ConsulRegistration): Promise<void>
  deregister(id: string): Promise<void>
  /** Creates a token with these rules (HCL) and returns its secret. */
  createToken(rules: string): Promise<string>
  /** One call of the HTTP API with the management token; the parsed answer. Throws on a status of 400 and above. */
  request(method: string, path: string, body?: unknown): Promise<unknown>
  kill(signal: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port: empty, and its index starts anew. */
  restart(): Promise<void>
  log(): Promise<string>
  stop(): Promise<void>
}

/** Consul servers of one datacenter: one leads while most of them live. */
export async function startConsulServers(count: number): Promise<readonly ConsulServer[]> {
  const first = await freePorts(portsOfOne * count)
  const started = await Promise.allSettled(
    Array.from({ length: count }, (_, i) => start({}, { count, first, port: first + i * portsOfOne })),
  )
  const servers = started.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
  if (servers.length === count) return servers
  await Promise.all(servers.map(each => each.stop()))
  throw started.find(each => each.status === 'rejected')?.reason
}

/** HTTP, RPC, LAN, WAN, HTTPS. */
const portsOfOne = 5

/** Starts a Consul of its own on free ports of 127.0.0.1; a fraction of a second, with ACLs about two. */
export async function startConsul(options: ConsulOptions = {}): Promise<ConsulServer> {
  return start(options, undefined)
}

async function start(
  options: ConsulOptions,
  group: { readonly count: number; readonly first: number; readonly port: number } | undefined,
): Promise<ConsulServer> {
  const found = await provision('consul')
  if (!found.available) throw new Error(`no Consul for this test: ${found.reason}`)
  const folder = await temporaryFolder('consul')
  const logFile = join(folder.path, 'consul.log')
  const token = options.acl ? randomUUID() : undefined
  const configuration: string[] = []
  if (token !== undefined) {
    const file = join(folder.path, 'acl.json')
    await writeFile(
      file,
      JSON.stringify({
        acl: { enabled: true, default_policy: 'deny', tokens: { master: token, agent: token } },
      }),
      { mode: 0o600 },
    )
    configuration.push('-config-file', file)
  }
  const host = '127.0.0.1'
  const port = group?.port ?? (await freePorts(portsOfOne))
  const datacenter = options.datacenter ?? 'dc1'
  if (group !== undefined) {
    const file = join(folder.path, 'group.json')
    await writeFile(file, JSON.stringify({ performance: { raft_multiplier: 1 } }))
    configuration.push(
      ...['-dev=false', '-server', '-bootstrap-expect', String(group.count), '-data-dir', folder.path],
      ...['-node', `server-${port}`, '-config-file', file, '-retry-interval', '1s'],
      ...['-retry-join', `${host}:${group.first + 2}`],
    )
  }
  if (options.datacenter !== undefined || options.joins !== undefined)
    configuration.push('-datacenter', datacenter, '-node', `dev-${datacenter}`)
  // a node is the same one after a restart
  if (group === undefined) configuration.push('-serf-wan-port', String(port + 3), '-node-id', randomUUID())
  if (options.joins !== undefined)
    configuration.push('-retry-join-wan', `${host}:${options.joins.wanPort}`, '-retry-interval-wan', '1s')
  if (options.tls !== undefined) {
    const file = join(folder.path, 'tls.json')
    const { caFile, certFile, keyFile } = options.tls
    await writeFile(
      file,
      JSON.stringify({
        ...{ ca_file: caFile, cert_file: certFile, key_file: keyFile, verify_incoming_https: true },
        ports: { https: port + 4 },
      }),
    )
    configuration.push('-config-file', file)
  }
  const url = `http://${host}:${port}`
  let server: OwnedProcess | undefined

  const request = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, {
      method,
      ...(token === undefined ? {} : { headers: { 'x-consul-token': token } }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`consul answered ${response.status} to ${method} ${path}: ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  const ready = async () => {
    if (((await request('GET', '/v1/status/leader')) as string) === '') return false
    if (token !== undefined) await request('GET', '/v1/acl/token/self')
    // The node registers itself a moment after it leads; until then nothing else can be registered in the catalog
    return ((await request('GET', '/v1/catalog/nodes')) as unknown[]).length > 0
  }
  const begin = async () => {
    const started = await startProcess(
      join(servicesFolder, 'consul'),
      [found.root ?? '', String(port), ...configuration],
      {
        name: 'consul',
        logFile,
      },
    )
    server = started
    const up = await waitUntil(async () => !started.running || (await ready()), {
      what: 'Consul to lead',
      timeout: 30_000,
    }).catch(() => false)
    if (!up || !started.running) {
      await started.stop('SIGKILL')
      throw new Error(`Consul did not start: ${await readFile(logFile, 'utf8').catch(() => 'no log')}`)
    }
  }
  const stop = async () => {
    await server?.stop('SIGKILL')
    await folder.remove()
  }
  try {
    await begin()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    host,
    port,
    url,
    tlsUrl: `https://${host}:${port + 4}`,
    wanPort: port + 3,
    datacenter,
    token,
    get pid() {
      return server?.pid ?? -1
    },
    register: async service => {
      await request('PUT', '/v1/agent/service/register', {
        Name: service.name,
        ID: service.id ?? service.name,
        Address: service.address ?? host,
        Port: service.port ?? 0,
        Tags: service.tags ?? [],
        Meta: service.meta ?? {},
      })
    },
    deregister: async id => {
      await request('PUT', `/v1/agent/service/deregister/${encodeURIComponent(id)}`)
    },
    createToken: async rules => {
      const policy = (await request('PUT', '/v1/acl/policy', { Name: randomUUID(), Rules: rules })) as {
        ID: string
      }
      const made = (await request('PUT', '/v1/acl/token', { Policies: [{ ID: policy.ID }] })) as {
        SecretID: string
      }
      return made.SecretID
    },
    request,
    kill: async signal => {
      server?.signal(signal)
      await server?.exited
    },
    restart: async () => {
      await server?.stop('SIGKILL')
      await begin()
    },
    log: () => readFile(logFile, 'utf8'),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
