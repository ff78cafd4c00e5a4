import type {
  Server,
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { contractFiles, contractFolder } from './contract-files.ts'

const method = 'ServerReflectionInfo'
const versions = ['v1', 'v1alpha'] as const
const unread = (bytes: Buffer) => bytes

/** All that the library's handlers do with the stream of a call. */
interface Asked {
  on(event: 'data' | 'end', listener: (message?: unknown) => void): void
  write(message: unknown): void
  end(): void
}

/** One version's service, as the library would have added it to a server. */
interface Service {
  readonly definition: ServiceDefinition
  readonly answer: (asked: Asked) => void
}

/**
 * Adds server reflection, which tells of the contract. The contract is read when somebody first asks: that takes half a
 * second of processor time, a good part of a coordinator's start, and few ever ask.
 */
export function addReflection(server: Server): void {
  let services: Promise<ReadonlyMap<string, Service>> | undefined
  for (const version of versions) {
    const path = `/grpc.reflection.${version}.ServerReflection/${method}`
    server.addService(
      {
        [method]: {
          path,
          ...{ requestStream: true, responseStream: true },
          ...{ requestSerialize: unread, requestDeserialize: unread },
          ...{ responseSerialize: unread, responseDeserialize: unread },
        },
      },
      {
        [method]: (call: ServerDuplexStream<Buffer, Buffer>) => {
          services ??= load()
          services.then(
            found => answer(call, found.get(path)),
            error => call.destroy(error),
          )
        },
      },
    )
  }
}

/** What is not read yet waits in the call. */
function answer(call: ServerDuplexStream<Buffer, Buffer>, service: Service | undefined): void {
  const shape = service?.definition[method]
  if (service === undefined || shape === undefined) {
    call.destroy(new Error('the library serves no such version of reflection'))
    return
  }
  service.answer({
    on: (event, listener) => {
      if (event === 'data') call.on('data', (bytes: Buffer) => listener(shape.requestDeserialize(bytes)))
      else call.on(event, listener)
    },
    write: message => call.write(shape.responseSerialize(message)),
    end: () => call.end(),
  })
}

async function load(): Promise<ReadonlyMap<string, Service>> {
  const [loader, { ReflectionService }] = await Promise.all([
    import('@grpc/proto-loader'),
    import('@grpc/reflection'),
  ])
  const contract = await loader.load([...contractFiles], { includeDirs: [contractFolder] })
  const found = new Map<string, Service>()
  new ReflectionService(contract).addToServer({
    addService: (definition: ServiceDefinition, implementation: UntypedServiceImplementation) => {
      const path = definition[method]?.path
      const handler = implementation[method] as unknown as Service['answer'] | undefined
      if (path !== undefined && handler !== undefined) found.set(path, { definition, answer: handler })
    },
  })
  return found
}
