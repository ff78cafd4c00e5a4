import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  ServerInterceptingCall,
  type ServiceError,
} from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { dropConnection } from '../../../coordinator/rpc/drop-connection.ts'

const same = (bytes: Buffer) => bytes
const method = {
  path: '/test.Service/Stream',
  requestStream: true,
  responseStream: true,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
}

test('the connection below a call is dropped: fails when an upgrade of grpc-js moves its insides', async () => {
  // two interceptors, as a server of ours may have
  const through = (_: unknown, call: ConstructorParameters<typeof ServerInterceptingCall>[0]) =>
    new ServerInterceptingCall(call)
  const server = new Server({ interceptors: [through, through] })
  let dropped: boolean | undefined
  server.addService(
    { stream: method },
    {
      stream: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on('error', () => {})
        call.on('data', () => {
          dropped = dropConnection(call)
        })
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(method.path, same, same)
  const failed = new Promise<ServiceError>(resolve => call.on('error', resolve))
  call.write(Buffer.from('x'))
  await failed
  expect(dropped).toBe(true)
  client.close()
  server.forceShutdown()
})

test('what is no call of grpc-js is said so', () => {
  expect(dropConnection({ call: { nextCall: {} } })).toBe(false)
  expect(dropConnection(undefined)).toBe(false)
})
