import {
  type Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { load } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation } from 'grpc-health-check'
import { parseHostPort } from '../../shared/config/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { LiveMaterial } from '../../shared/tls/index.ts'
import { appErrorToStatus } from '../../shared/wire/call-failure.ts'
import { isLoopback, largestMessage } from '../../shared/wire/channel.ts'
import { refusal } from './access.ts'
import type { CallerFacts, CallerOf } from './caller.ts'
import { contractFiles, contractFolder } from './contract-files.ts'
import { TlsCredentials } from './tls-credentials.ts'

/** One service with its handlers, already wrapped. */
export interface ServedService {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
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
  /** A call was refused for who made it. */
  readonly onRefused?: (refused: {
    readonly peer: string
    readonly path: string
    readonly reason: string
  }) => void
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
  const server = new Server({
    interceptors: [authenticate(options)],
    'grpc.max_receive_message_length': largestMessage,
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
  const contract = await load([...contractFiles], { includeDirs: [contractFolder] })
  new ReflectionService(contract).addToServer(server)
  const port = await bind(server, address.host, address.port, credentialsOf(tls))
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
      closing ??= shutDown(server, graceMs)
      return closing
    },
  }
}

/** Lets a call in when who makes it is established and may: known from its metadata on, before any handler hears of it. */
function authenticate(options: ServerOptions): ServerInterceptor {
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start: next =>
        next({
          onReceiveMetadata: (metadata, enter) => {
            const facts = {
              getPeer: () => call.getPeer(),
              getAuthContext: () => call.getAuthContext(),
              metadata,
            }
            const no = refused(options.callerOf, method.path, facts)
            if (no === undefined) return enter(metadata)
            options.onRefused?.({ peer: call.getPeer(), path: method.path, reason: no.code })
            const status: { code: number; details: string; metadata: Metadata | null } = appErrorToStatus(no)
            call.sendStatus(status)
          },
        }),
    })
}

function refused(callerOf: CallerOf, path: string, call: CallerFacts): AppError | undefined {
  try {
    return refusal(path, callerOf(path, call))
  } catch (thrown) {
    return AppError.from(thrown, 'access.unauthenticated')
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

function bind(server: Server, host: string, port: number, credentials: ServerCredentials): Promise<number> {
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return new Promise((resolve, reject) => {
    server.bindAsync(target, credentials, (cause, bound) => {
      if (cause === null) resolve(bound)
      else
        reject(
          new AppError('listen.failed', {
            message: `cannot listen on ${target}: ${cause.message}`,
            context: { listen: target },
            cause,
          }),
        )
    })
  })
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
