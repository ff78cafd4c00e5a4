import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { AppError } from '../../shared/errors/index.ts'
import { appErrorToStatus } from '../../shared/wire/call-failure.ts'
import {
  type Job,
  type OperatorServiceServer,
  OperatorServiceService,
  type WatchJobRequest,
  type WatchJobResponse,
} from '../../shared/wire/gen/holdfast/v1/operator.ts'

/** Answers by method name; a thrown AppError travels as the coordinator would send it. */
export type Answers = Readonly<Record<string, (request: never) => unknown>>

/** An operator service that speaks the true protocol with canned answers; what has none is unimplemented. */
export interface FakeOperatorService {
  readonly address: string
  /** Every request seen, in order. */
  readonly seen: readonly { readonly method: string; readonly request: unknown }[]
  stop(): Promise<void>
}

/**
 * Starts one on a free loopback port.
 *
 * @param watched what WatchJob streams, in order
 */
export async function startFakeOperatorService(
  answers: Answers,
  watched: readonly Job[] = [],
): Promise<FakeOperatorService> {
  const seen: { method: string; request: unknown }[] = []
  const implementation: Record<string, unknown> = {}
  for (const [method, { responseStream }] of Object.entries(OperatorServiceService)) {
    if (responseStream) {
      implementation[method] = (call: ServerWritableStream<WatchJobRequest, WatchJobResponse>) => {
        seen.push({ method, request: call.request })
        for (const job of watched) call.write({ job })
        call.end()
      }
      continue
    }
    implementation[method] = (call: ServerUnaryCall<unknown, unknown>, respond: sendUnaryData<unknown>) => {
      seen.push({ method, request: call.request })
      try {
        const answer = answers[method]
        if (answer === undefined) throw new AppError('coordinator.older')
        respond(null, answer(call.request as never))
      } catch (thrown) {
        respond(appErrorToStatus(AppError.from(thrown)))
      }
    }
  }
  const server = new Server()
  server.addService(OperatorServiceService, implementation as unknown as OperatorServiceServer)
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  return {
    address: `127.0.0.1:${port}`,
    seen,
    stop: async () => server.forceShutdown(),
  }
}
