import { Client, type ServiceError, status } from '@grpc/grpc-js'
import type { ChannelTarget } from '../../shared/wire/channel.ts'

const same = (bytes: Buffer) => bytes

/** Asks what every gRPC server answers: health and reflection, without their generated code. */
export class HealthClient {
  readonly #client: Client

  constructor({ address, credentials, options }: ChannelTarget) {
    this.#client = new Client(address, credentials, options)
  }

  /** The status of the whole process, or the gRPC status it was refused with. */
  check(): Promise<string> {
    return new Promise(resolve => {
      this.#client.makeUnaryRequest<Buffer, Buffer>(
        '/grpc.health.v1.Health/Check',
        same,
        same,
        Buffer.alloc(0),
        (error: ServiceError | null, answer?: Buffer) =>
          resolve(error === null ? (answer?.[1] === 1 ? 'SERVING' : 'NOT_SERVING') : name(error)),
      )
    })
  }

  /** `answered`, or the gRPC status it was refused with. */
  reflection(): Promise<string> {
    return new Promise(resolve => {
      const call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
        same,
        same,
      )
      call.on('data', () => {
        resolve('answered')
        call.end()
      })
      call.on('error', (error: ServiceError) => resolve(name(error)))
      // ServerReflectionRequest{list_services: ""}
      call.write(Buffer.from([0x3a, 0x00]))
    })
  }

  close(): void {
    this.#client.close()
  }
}

const name = (error: ServiceError) => status[error.code] ?? String(error.code)
