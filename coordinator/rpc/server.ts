import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'
import { type HostPort, parseHostPort } from '../../shared/config/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { LiveMaterial } from '../../shared/tls/index.ts'
import { isLoopback, largestMessage } from '../../shared/wire/channel.ts'
import { limitsSchema } from '../limits-config.ts'
import { type Acceptor, acceptConnections } from './acceptor.ts'
import { Admission, type AdmissionLimits } from './admission.ts'
import type { CallerOf } from './caller.ts'
import { doors, type RefusedCall } from './doors.ts'
import { readable } from './readable.ts'
import { addReflection } from './reflection.ts'
import { TlsCredentials } from './tls-credentials.ts'

/** Every service of it gets its messages read in a way that ends no call as a defect of ours. */
class Doorkeeper extends Server {
  override addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    super.addService(readable(definition), implementation)
  }
}

/** One service with its handlers, already wrapped. */
export interface ServedService {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
}

export interface ServerLimits extends AdmissionLimits {
  /** Bytes of one message. */
  readonly message: number
}

export interface ServerOptions {
  /** `host:port`; port 0 takes any free one. */
  readonly listen: string
  /** Allows plaintext, on loopback only. */
  readonly insecureLoopback: boolean
  /** In place of plaintext. */
  readonly tls?: LiveMaterial
  readonly services: readonly ServedService[]
  readonly callerOf: CallerOf
  readonly log: Log
  /** What one peer may ask of this process; the defaults of the configuration when absent. */
  readonly limits?: ServerLimits
  /** A call was refused at the door. */
  readonly onRefused?: (refused: RefusedCall) => void
}

export interface RunningServer {
  readonly host: string
  readonly port: number
  /** What health checks answer, for every service. */
  setServing(serving: boolean): void
  /** Takes no new calls, gives those under way the grace, then cuts them. Idempotent. */
  close(graceMs?: number): Promise<void>
}

/**
 * Listens and serves: every call goes through the access table, deny by default; health and reflection answer
 * beside the services.
 *
 * @throws AppError `listen.plaintext-refused`, `listen.failed`
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { log } = options
  const address = parseHostPort(options.listen)
  if (address === undefined)
    throw new AppError('listen.failed', { context: { listen: options.listen, reason: 'not host:port' } })
  const { tls } = options
  if (tls === undefined && (!options.insecureLoopback || !isLoopback(address.host)))
    throw new AppError('listen.plaintext-refused', { context: { listen: options.listen } })
  const { limits = limitsSchema.parse({}) } = options
  const server = new Doorkeeper({
    interceptors: [doors({ ...options, admission: new Admission(limits, () => performance.now()) })],
    'grpc.max_receive_message_length': limits.message,
    'grpc.max_send_message_length': 4 * largestMessage,
    'grpc.max_concurrent_streams': 128,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.max_connection_age_grace_ms': 5_000,
  })
  for (const { definition, implementation } of options.services) server.addService(definition, implementation)
  const names = options.services.map(each => nameOf(each.definition))
  const health = new HealthImplementation(
    Object.fromEntries(['', ...names].map(name => [name, 'NOT_SERVING' as const])),
  )
  health.addToServer(server)
  addReflection(server)
  const acceptor = await accept(server, address, credentialsOf(tls), log)
  const { port } = acceptor
  if (tls === undefined)
    log.warn('listening in plaintext: whoever may open a port of this machine is its admin', {
      host: address.host,
      port,
    })
  else log.info('listening', { host: address.host, port })
  let closing: Promise<void> | undefined
  return {
    host: address.host,
    port,
    setServing: serving => {
      for (const name of ['', ...names]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
    },
    close: (graceMs = 0) => {
      acceptor.close()
      closing ??= shutDown(server, graceMs)
      return closing
    },
  }
}

/** `holdfast.v1.OperatorService` of a definition's first path. */
function nameOf(definition: ServiceDefinition): string {
  const path = Object.values(definition)[0]?.path ?? ''
  return path.split('/')[1] ?? ''
}

function credentialsOf(tls: LiveMaterial | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure()
  const credentials = new TlsCredentials(tls.current)
  tls.onChange(material => credentials.replace(material))
  return credentials
}

async function accept(
  server: Server,
  { host, port }: HostPort,
  credentials: ServerCredentials,
  log: Log,
): Promise<Acceptor> {
  const { injectConnection } = server.createConnectionInjector(credentials)
  try {
    return await acceptConnections({
      host,
      port,
      onConnection: injectConnection,
      onError: error => log.warn('a connection could not be accepted', { error }),
    })
  } catch (cause) {
    server.forceShutdown()
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`
    throw new AppError('listen.failed', {
      message: `cannot listen on ${target}: ${cause instanceof Error ? cause.message : String(cause)}`,
      context: { listen: target },
      cause,
    })
  }
}

function shutDown(server: Server, graceMs: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => {
      server.forceShutdown()
      resolve()
    }, graceMs)
    server.tryShutdown(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
