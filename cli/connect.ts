import { Metadata, type ServiceError } from '@grpc/grpc-js'
import { AppError } from '../shared/errors/index.ts'
import { bearer, tokenMetadataKey } from '../shared/wire/bearer.ts'
import { appErrorFromServiceError } from '../shared/wire/call-failure.ts'
import { clientChannel } from '../shared/wire/channel.ts'
import { OperatorServiceClient } from '../shared/wire/gen/holdfast/v1/operator.ts'
import type { Shown } from './shown.ts'

/** Milliseconds a question may take before it fails with `coordinator.deadline`. */
const usualDeadlineMs = 15_000

type UnaryMethods = {
  [K in keyof OperatorServiceClient]: OperatorServiceClient[K] extends (
    request: infer Q,
    metadata: Metadata,
    options: { deadline: number },
    callback: (error: ServiceError | null, response: infer A) => void,
  ) => unknown
    ? (request: Q) => Promise<A>
    : never
}
type UnaryName = { [K in keyof UnaryMethods]: UnaryMethods[K] extends never ? never : K }[keyof UnaryMethods]

/** Asks the coordinator; every method rejects with an AppError that says what happened and what to do. */
export interface Coordinator {
  readonly address: string
  ask<K extends UnaryName>(method: K, request: Parameters<UnaryMethods[K]>[0]): ReturnType<UnaryMethods[K]>
  /** The job at every change, until it ends or the signal aborts. */
  watchJob(jobId: string, signal: AbortSignal): AsyncIterable<WatchedJob>
  close(): void
}
type WatchedJob = NonNullable<import('../shared/wire/gen/holdfast/v1/operator.ts').WatchJobResponse['job']>

/**
 * A client for `address` (`host:port`): TLS with what `identity` trusts and shows; without one plaintext, hence loopback
 * only, refused before anything is sent. Shows `token` with every call, when there is one.
 */
export function connect(
  address: string,
  { identity, token, deadlineMs = usualDeadlineMs }: Shown & { readonly deadlineMs?: number } = {},
): Coordinator {
  assertForm(address)
  const metadata = new Metadata()
  if (token !== undefined) metadata.set(tokenMetadataKey, bearer(token))
  const channel = clientChannel({
    address,
    insecureLoopback: true,
    ...(identity === undefined ? {} : { tls: identity }),
  })
  const client = new OperatorServiceClient(channel.address, channel.credentials, channel.options)
  return {
    address,
    ask: (method, request) => {
      const call = client[method].bind(client) as unknown as (
        request: unknown,
        metadata: Metadata,
        options: { deadline: number },
        callback: (error: ServiceError | null, response: unknown) => void,
      ) => unknown
      return new Promise((resolve, reject) => {
        call(request, metadata, { deadline: Date.now() + deadlineMs }, (error, response) =>
          error === null ? resolve(response) : reject(withAddress(error, address, identity === undefined)),
        )
      }) as never
    },
    async *watchJob(jobId, signal) {
      const stream = client.watchJob({ jobId }, metadata)
      const onAbort = () => stream.cancel()
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        for await (const { job } of stream as AsyncIterable<{ job?: WatchedJob }>) if (job) yield job
      } catch (thrown) {
        if (signal.aborted) throw new AppError('interrupted', { cause: thrown })
        throw withAddress(thrown as ServiceError, address, identity === undefined)
      } finally {
        signal.removeEventListener('abort', onAbort)
        stream.cancel()
      }
    },
    close: () => client.close(),
  }
}

function assertForm(address: string): void {
  if (!/^.+:\d+$/.test(address))
    throw new AppError('usage.invalid', {
      message: `\`${address}\` is not of the form host:port`,
      context: { address },
    })
}

function withAddress(error: ServiceError, address: string, plaintext: boolean): AppError {
  const failure = appErrorFromServiceError(error)
  if (failure.code !== 'coordinator.unreachable') return failure
  // somebody answered there, and hung up on plaintext
  const listens = plaintext && !/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT/.test(error.details)
  return new AppError(failure.code, {
    context: { ...failure.context, ...plainly(failure.context['detail']), address },
    cause: error,
    ...(listens
      ? {
          hint: 'Does it speak TLS? Ask with --identity FOLDER (HOLDFAST_IDENTITY), or name the folder in a profile.',
        }
      : {}),
  })
}

/** What grpc-js tells of a connection, without what it wraps it in. */
function plainly(detail: unknown): { readonly detail?: string } {
  if (typeof detail !== 'string') return {}
  const [, told = detail] = /^No connection established\. Last error: (?:Error: )?(.*)$/s.exec(detail) ?? []
  return { detail: told.replace(/\.? Resolution note:\s*$/, '') }
}
