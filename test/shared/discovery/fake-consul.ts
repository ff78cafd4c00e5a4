import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An answer given instead of Consul's own; `hang` gives none. */
export type Lie =
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  | 'hang'
  | 'reset'
  | 'cut'

/** What access looks like: `off` no ACLs · `granted`, `refused` as the token question answers · `unasked` no such question. */
export type Access = 'off' | 'anonymous' | 'unknown-token' | 'granted' | 'refused' | 'unasked'

export interface FakeConsul extends AsyncDisposable {
  readonly address: string
  /** Every catalog question: the service, the index asked with, the token shown. */
  readonly questions: readonly {
    /** Empty: which services there are. */
    readonly service: string
    readonly datacenter: string
    readonly tag: string
    readonly filter: string
    readonly index: string
    readonly token: string | undefined
  }[]
  /** Sets the entries of a service and moves the index on; waiting questions are answered. */
  put(service: string, entries: readonly unknown[]): void
  /** Sets the index, as a restarted Consul would. */
  setIndex(index: number): void
  /** Answers catalog questions by this until `undefined` is given. */
  lie(lie: Lie | undefined): void
  access(access: Access): void
  /** Whether this datacenter can be reached from here. */
  reach(datacenter: string, reachable: boolean): void
  /** Adds to each honest answer. */
  headers(headers: Readonly<Record<string, string>>): void
}

/** Speaks Consul's protocol for catalog questions, blocking ones included, and lies on demand. */
export async function startFakeConsul(): Promise<FakeConsul> {
  const services = new Map<string, readonly unknown[]>()
  const questions: FakeConsul['questions'][number][] = []
  const lost = new Set<string>()
  const waiting = new Set<() => void>()
  let index = 10
  let lie: Lie | undefined
  let access: Access = 'off'
  let extra: Readonly<Record<string, string>> = {}

  const json = (
    response: ServerResponse,
    status: number,
    value: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof value === 'string' ? value : JSON.stringify(value))
  }
  const tell = (response: ServerResponse, url: URL) =>
    json(response, 200, answerTo(url), { 'x-consul-index': String(index), ...extra })

  const answerTo = (url: URL): unknown => {
    const datacenter = url.searchParams.get('dc')
    const here = (each: unknown) => datacenter === null || field(each, 'Datacenter') === datacenter
    if (url.pathname === '/v1/catalog/services') {
      const held = [...services].filter(([, entries]) => entries.some(here))
      const tagged = held.map(([name, entries]) => [
        name,
        entries.flatMap(each => field(each, 'ServiceTags')),
      ])
      return access === 'off' || access === 'granted' ? Object.fromEntries([['consul', []], ...tagged]) : {}
    }
    const tag = url.searchParams.get('tag')
    return (services.get(serviceOf(url)) ?? []).filter(
      each => here(each) && (tag === null || [field(each, 'ServiceTags')].flat().includes(tag)),
    )
  }

  const lieTo = (response: ServerResponse, said: Lie) => {
    if (said === 'hang') return
    if (said === 'reset') return void response.destroy()
    if (said === 'cut') {
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': '1000',
        'x-consul-index': '11',
      })
      return void response.write('[{', () => response.destroy())
    }
    response.writeHead(said.status, { 'content-type': 'application/json', ...said.headers })
    response.end(said.body ?? '')
  }

  const onCatalog = (request: IncomingMessage, response: ServerResponse, url: URL) => {
    const datacenter = url.searchParams.get('dc') ?? ''
    const asked = url.searchParams.get('index') ?? ''
    const token = request.headers['x-consul-token']
    questions.push({
      service: serviceOf(url),
      datacenter,
      tag: url.searchParams.get('tag') ?? '',
      filter: url.searchParams.get('filter') ?? '',
      index: asked,
      token: typeof token === 'string' ? token : undefined,
    })
    if (lie !== undefined) return lieTo(response, lie)
    if (lost.has(datacenter)) return json(response, 500, 'No path to datacenter')
    if (Number(asked) === 0 || Number(asked) < index) return tell(response, url)
    const wake = () => {
      clearTimeout(timer)
      waiting.delete(wake)
      if (lie !== undefined) lieTo(response, lie)
      else if (lost.has(datacenter)) json(response, 500, 'No path to datacenter')
      else tell(response, url)
    }
    const timer = setTimeout(wake, Number.parseInt(url.searchParams.get('wait') ?? '1', 10) * 1_000)
    waiting.add(wake)
    response.on('close', () => {
      clearTimeout(timer)
      waiting.delete(wake)
    })
  }

  const onAccess = (response: ServerResponse, path: string) => {
    const self = path.endsWith('/token/self')
    if (access === 'off') return json(response, 401, 'ACL support disabled')
    if (self) {
      if (access === 'unknown-token') return json(response, 403, 'ACL not found')
      const anonymous = access === 'anonymous'
      return json(response, 200, { AccessorID: anonymous ? '00000000-0000-0000-0000-000000000002' : 'abc' })
    }
    if (access === 'unasked') return json(response, 404, '')
    return json(response, 200, [{ Allow: access === 'granted' }])
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://consul')
    if (/^\/v1\/catalog\/services?(\/|$)/.test(url.pathname)) onCatalog(request, response, url)
    else onAccess(response, url.pathname)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const wakeAll = () => {
    for (const wake of [...waiting]) wake()
  }
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    questions,
    put: (service, entries) => {
      services.set(service, entries)
      index++
      wakeAll()
    },
    setIndex: to => {
      index = to
      wakeAll()
    },
    lie: said => {
      lie = said
      wakeAll()
    },
    access: to => {
      access = to
    },
    reach: (datacenter, reachable) => {
      if (reachable) lost.delete(datacenter)
      else lost.add(datacenter)
      wakeAll()
    },
    headers: headers => {
      extra = headers
    },
    [Symbol.asyncDispose]: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function serviceOf(url: URL): string {
  return decodeURIComponent(/^\/v1\/catalog\/service\/(.*)$/.exec(url.pathname)?.[1] ?? '')
}

function field(entry: unknown, name: string): unknown {
  return (entry as Readonly<Record<string, unknown>>)[name]
}

/** A catalog entry as Consul writes it. */
export function entry(
  node: string,
  changes: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    ID: `id-${node}`,
    Node: node,
    Address: '10.0.0.1',
    Datacenter: 'dc1',
    ServiceID: 'pg',
    ServiceName: 'postgres',
    ServiceAddress: '',
    ServicePort: 5432,
    ServiceTags: ['primary'],
    ServiceMeta: { engine: 'postgres' },
    ...changes,
  }
}
