import { Metadata, type ServiceError } from '@grpc/grpc-js'
import { appErrorFromServiceError } from '../../shared/wire/call-failure.ts'
import type { ChannelTarget } from '../../shared/wire/channel.ts'
import {
  EnrolmentServiceClient,
  type EnrolRequest,
  type EnrolResponse,
  type RenewRequest,
  type RenewResponse,
} from '../../shared/wire/gen/holdfast/v1/enrolment.ts'

const deadlineMs = 30_000

/** Asks a coordinator for the certificate that a token buys. */
export function askToEnrol(channel: ChannelTarget, request: EnrolRequest): Promise<EnrolResponse> {
  return asked(channel, (client, metadata, options, done) => client.enrol(request, metadata, options, done))
}

/** Asks for the certificate of the next key. */
export function askToRenew(channel: ChannelTarget, request: RenewRequest): Promise<RenewResponse> {
  return asked(channel, (client, metadata, options, done) => client.renew(request, metadata, options, done))
}

function asked<T>(
  { address, credentials, options }: ChannelTarget,
  call: (
    client: EnrolmentServiceClient,
    metadata: Metadata,
    options: { deadline: number },
    done: (error: ServiceError | null, response: T) => void,
  ) => unknown,
): Promise<T> {
  const client = new EnrolmentServiceClient(address, credentials, {
    ...options,
    'grpc.use_local_subchannel_pool': 1,
  })
  return new Promise<T>((resolve, reject) => {
    call(client, new Metadata(), { deadline: Date.now() + deadlineMs }, (error, response) =>
      error === null ? resolve(response) : reject(appErrorFromServiceError(error)),
    )
  }).finally(() => client.close())
}
