import { readFile } from 'node:fs/promises'
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type Consul from 'consul'
import type { Clock } from '../clock/index.ts'
import { readSecretFile } from '../config/secret-file.ts'
import { AppError } from '../errors/index.ts'

/** How Consul is to be believed, and how it is to believe us. Files in PEM. */
export interface ConsulTls {
  /** Default: the authorities the machine trusts. */
  readonly caFile?: string
  /** Our certificate, where Consul asks for one; with `keyFile`. */
  readonly certFile?: string
  /** Others must not be able to read it. */
  readonly keyFile?: string
  /** The name its certificate has to carry; default the host of the address. Consul's own are `server.dc1.consul`. */
  readonly serverName?: string
}

/** Consul under one set of certificates. */
export interface ConsulConnection {
  readonly client: Consul
  /** One call the client library does not know. */
  ask(path: string, call: ConsulCall): Promise<{ readonly status: number; readonly text: string }>
}

export interface ConsulCall {
  readonly token: string | undefined
  /** With a body it is a POST. */
  readonly body?: unknown
  readonly signal: AbortSignal
}

/** How often certificates are looked at: rotated ones are taken up without a restart. */
const freshness = 10_000

/** The way to Consul. Questions ask for the connection each time, since certificates are renewed while we run. */
export class ConsulLine {
  readonly #address: URL
  readonly #tls: ConsulTls | undefined
  readonly #clock: Clock
  #read: { readonly at: number; readonly pem: Pem } | undefined
  #open:
    | { readonly connection: ConsulConnection; readonly agent: HttpAgent; readonly key: string }
    | undefined
  readonly #retired: HttpAgent[] = []

  constructor(address: URL, tls: ConsulTls | undefined, clock: Clock) {
    this.#address = address
    this.#tls = tls
    this.#clock = clock
  }

  /** @throws AppError `secret.*` of the key, `discovery.unavailable` of a certificate that cannot be read */
  async connection(): Promise<ConsulConnection> {
    // loaded by whoever has a Consul, and before anything is looked at: two may ask at once
    const { default: library } = await import('consul')
    const now = this.#clock.now().mono
    if (this.#read === undefined || now - this.#read.at >= freshness)
      this.#read = { at: now, pem: await readPem(this.#tls) }
    const key = JSON.stringify(this.#read.pem)
    if (this.#open?.key === key) return this.#open.connection
    if (this.#open !== undefined) this.#retire(this.#open.agent)
    this.#open = { key, ...connect(library, this.#address, this.#read.pem, this.#tls?.serverName) }
    return this.#open.connection
  }

  destroy(): void {
    for (const agent of this.#retired.splice(0)) agent.destroy()
    this.#open?.agent.destroy()
    this.#open = undefined
  }

  /** Questions under way end on the old certificates; nothing new is asked on them. */
  #retire(agent: HttpAgent): void {
    agent.maxFreeSockets = 0
    for (const sockets of Object.values(agent.freeSockets))
      for (const socket of sockets ?? []) socket.destroy()
    this.#retired.push(agent)
  }
}

interface Pem {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

async function readPem(tls: ConsulTls | undefined): Promise<Pem> {
  const { caFile, certFile, keyFile } = tls ?? {}
  return {
    ...(caFile === undefined ? {} : { ca: await readCertificate(caFile) }),
    ...(certFile === undefined ? {} : { cert: await readCertificate(certFile) }),
    ...(keyFile === undefined ? {} : { key: await readSecretFile(keyFile) }),
  }
}

async function readCertificate(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (thrown) {
    const reason = (thrown as NodeJS.ErrnoException).code ?? String(thrown)
    throw new AppError('discovery.unavailable', {
      message: `the certificate ${path} for consul cannot be read: ${reason}`,
      hint: 'Check `discovery.consul.tls` of the configuration; the last known fleet stays.',
      context: { file: path, reason },
      cause: thrown,
    })
  }
}

function connect(library: typeof Consul, address: URL, pem: Pem, serverName: string | undefined) {
  const secure = address.protocol === 'https:'
  const host = address.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = address.port === '' ? (secure ? 443 : 80) : Number(address.port)
  const agent = secure
    ? new HttpsAgent({
        keepAlive: true,
        ...pem,
        ...(serverName === undefined ? {} : { servername: serverName }),
      })
    : new HttpAgent({ keepAlive: true })
  const request = secure ? httpsRequest : httpRequest
  const ask = (path: string, { token, body, signal }: ConsulCall) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const options: RequestOptions = {
        host,
        port,
        path,
        agent,
        signal,
        method: text === undefined ? 'GET' : 'POST',
        headers: {
          ...(token === undefined ? {} : { 'x-consul-token': token }),
          ...(text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) }),
        },
      }
      const asked = request(options, response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        )
      })
      asked.on('error', reject)
      asked.end(text)
    })
  return {
    connection: { client: new library({ host, port, secure, agent }), ask },
    agent,
  }
}
