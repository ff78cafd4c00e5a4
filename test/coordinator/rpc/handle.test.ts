import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  type ServiceDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { access } from '../../../coordinator/rpc/access.ts'
import { loopbackCaller } from '../../../coordinator/rpc/caller.ts'
import { bidi, type HandleEnv, serverStream, unary } from '../../../coordinator/rpc/handle.ts'
import { type RunningServer, startServer } from '../../../coordinator/rpc/server.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { appErrorFromServiceError } from '../../../shared/wire/call-failure.ts'
import { waitUntil } from '../../harness/index.ts'

const env: HandleEnv = { callerOf: loopbackCaller, log: silentLog }
const asText = {
  serialize: (text: string) => Buffer.from(text),
  deserialize: (bytes: Buffer) => bytes.toString(),
}
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Throws/${name}`,
  requestStream,
  responseStream,
  requestSerialize: asText.serialize,
  requestDeserialize: asText.deserialize,
  responseSerialize: asText.serialize,
  responseDeserialize: asText.deserialize,
})
const definition: ServiceDefinition = {
  unary: method('Unary', false, false),
  stream: method('Stream', false, true),
  bidi: method('Bidi', true, true),
}

/** How a handler fails, by what the request says. */
function misbehave(how: string): void {
  if (how === 'throw') throw new Error('thrown by a handler')
  if (how === 'app-error') throw new AppError('conflict', { message: 'no, because' })
}

let server: RunningServer
let client: Client
const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)

beforeAll(async () => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
  for (const { path } of Object.values(definition))
    (access as Map<string, readonly string[]>).set(path, ['admin'])
  server = await startServer({
    listen: '127.0.0.1:0',
    insecureLoopback: true,
    callerOf: loopbackCaller,
    log: silentLog,
    services: [
      {
        definition,
        implementation: {
          unary: unary<string, string>(env, async how => {
            misbehave(how)
            await Promise.resolve()
            if (how === 'reject') throw new Error('rejected')
            return 'fine'
          }),
          stream: serverStream<string, string>(env, async function* (how) {
            yield 'first'
            misbehave(how)
            yield 'second'
          }),
          bidi: bidi<string, string>(env, call => ({
            onMessage: how => {
              misbehave(how)
              if (how !== 'reject') call.write(`got ${how}`)
              return how === 'reject' ? Promise.reject(new Error('rejected')) : undefined
            },
            onEnd: () => {
              call.end()
              misbehave('throw')
            },
            onClosed: () => {
              throw new Error('thrown at the end')
            },
          })),
        },
      },
    ],
  })
  client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure())
})

afterAll(async () => {
  client.close()
  await server.close()
  for (const { path } of Object.values(definition)) (access as Map<string, readonly string[]>).delete(path)
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
})

function callUnary(how: string): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<string, string>(
      '/test.Throws/Unary',
      asText.serialize,
      asText.deserialize,
      how,
      (error: ServiceError | null, value?: string) => (error === null ? resolve(value ?? '') : reject(error)),
    )
  })
}

async function ended(call: ClientReadableStream<string> | ClientDuplexStream<string, string>) {
  const seen: string[] = []
  let error: ServiceError | undefined
  let done = false
  const stream: ClientReadableStream<string> = call
  stream.on('data', (text: string) => seen.push(text))
  stream.on('error', (thrown: ServiceError) => {
    error = thrown
  })
  stream.on('status', () => {
    done = true
  })
  await waitUntil(() => done, { what: 'the end of the call' })
  return { seen, error }
}

describe('a handler that fails ends its call, never the process', () => {
  test.each(['throw', 'reject'])('unary: %s', async how => {
    await expect(callUnary(how)).rejects.toMatchObject({ code: status.INTERNAL })
    expect(await callUnary('fine')).toBe('fine')
  })

  test('an AppError travels with code, message and hint', async () => {
    const thrown = await callUnary('app-error').catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: status.FAILED_PRECONDITION })
    expect(appErrorFromServiceError(thrown)).toMatchObject({ code: 'conflict', message: 'no, because' })
  })

  test('a server stream that throws in the middle', async () => {
    const call = client.makeServerStreamRequest<string, string>(
      '/test.Throws/Stream',
      asText.serialize,
      asText.deserialize,
      'throw',
    )
    const { seen, error } = await ended(call)
    expect(seen).toEqual(['first'])
    expect(error?.code).toBe(status.INTERNAL)
  })

  test.each(['throw', 'reject'])("a throw in on('data') of a stream: %s", async how => {
    const call = client.makeBidiStreamRequest<string, string>(
      '/test.Throws/Bidi',
      asText.serialize,
      asText.deserialize,
    )
    call.write('one')
    call.write(how)
    const { seen, error } = await ended(call)
    expect(seen).toEqual(['got one'])
    expect(error?.code).toBe(status.INTERNAL)
  })

  test('a throw when the peer ends, and when the stream is over', async () => {
    const call = client.makeBidiStreamRequest<string, string>(
      '/test.Throws/Bidi',
      asText.serialize,
      asText.deserialize,
    )
    call.write('one')
    call.end()
    await ended(call)
    expect(await callUnary('fine')).toBe('fine')
    expect(unhandled).toEqual([])
  })
})
