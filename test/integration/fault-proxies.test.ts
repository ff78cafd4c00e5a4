import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { buffer } from 'node:stream/consumers'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { describe, expect, test } from 'vitest'

import {
  requireServers,
  type S3Server,
  startFaultProxy,
  startS3,
  startS3FaultProxy,
  waitUntil,
} from '../harness/index.ts'

// Sends back what it gets
async function echo() {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

// Sends the bytes, half-closes, and gives all that came back, or the error that ended it
async function exchange(port: number, bytes: Buffer): Promise<Buffer | string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end(bytes)
  try {
    return await buffer(socket)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error'
  } finally {
    socket.destroy()
  }
}

const megabyte = Buffer.alloc(1_000_000, 'holdfast')

describe('the TCP proxy', () => {
  test('passes everything while it is healthy, to the last byte', async () => {
    await using target = await echo()
    await using proxy = await startFaultProxy(target)
    expect(await exchange(proxy.port, megabyte)).toEqual(megabyte)
    expect(proxy.bytes).toBe(2_000_000)
  })

  test('resets, closes and corrupts where it was told, and heals', async () => {
    await using target = await echo()
    await using proxy = await startFaultProxy(target)
    proxy.set({ resetAfterBytes: 5_000, direction: 'down' })
    expect(await exchange(proxy.port, megabyte)).toBe('ECONNRESET')
    proxy.set({ closeAfterBytes: 5_000, direction: 'down' })
    expect(await exchange(proxy.port, megabyte)).toEqual(megabyte.subarray(0, 5_000))
    proxy.set({ corruptAt: 700_000, direction: 'up' })
    const corrupted = Buffer.from(megabyte)
    corrupted[700_000] = (corrupted[700_000] ?? 0) ^ 0xff
    expect(await exchange(proxy.port, megabyte)).toEqual(corrupted)
    proxy.set({})
    expect(await exchange(proxy.port, megabyte)).toEqual(megabyte)
  })

  test('refuses new connections, is down, and comes up on the same port', async () => {
    await using target = await echo()
    await using proxy = await startFaultProxy(target)
    proxy.set({ refuseNew: true })
    expect(await exchange(proxy.port, megabyte)).toBe('ECONNRESET')
    proxy.set({})
    await proxy.down()
    expect(await exchange(proxy.port, megabyte)).toBe('ECONNREFUSED')
    await proxy.up()
    expect(await exchange(proxy.port, megabyte)).toEqual(megabyte)
  })

  test('a black hole accepts and answers nothing until the connection is reset', async () => {
    await using target = await echo()
    await using proxy = await startFaultProxy(target)
    proxy.set({ blackHole: true })
    const pending = exchange(proxy.port, Buffer.from('x'))
    await waitUntil(() => proxy.connections === 1, { what: 'the connection' })
    proxy.resetAll()
    expect(await pending).toBe('ECONNRESET')
  })
})

const s3 = await requireServers('harness: S3 faults', 's3')

function clientOf(server: S3Server, endpoint: string): S3Client {
  const { region, accessKeyId, secretAccessKey } = server
  // One attempt: the faults are to be seen, not retried away
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  })
}

async function setUp() {
  const scope = new AsyncDisposableStack()
  const server = scope.use(await startS3())
  const proxy = scope.use(await startS3FaultProxy(server))
  const client = clientOf(server, proxy.endpoint)
  scope.defer(async () => client.destroy())
  const Bucket = await server.createBucket()
  return { server, proxy, client, Bucket, [Symbol.asyncDispose]: () => scope.disposeAsync() }
}

describe.skipIf(s3.missing)('the S3 proxy', () => {
  test('signatures, large bodies and odd keys pass unharmed', async () => {
    await using t = await setUp()
    const Key = 'ü +%/a=b&c'
    await t.client.send(new PutObjectCommand({ Bucket: t.Bucket, Key, Body: Buffer.alloc(9_000_000, 'x') }))
    const head = await t.server.client().send(new HeadObjectCommand({ Bucket: t.Bucket, Key }))
    expect(head.ContentLength).toBe(9_000_000)
    const got = await t.client.send(new GetObjectCommand({ Bucket: t.Bucket, Key }))
    expect((await got.Body?.transformToByteArray())?.length).toBe(9_000_000)
    expect(t.proxy.requests.map(({ operation, key, outcome }) => [operation, key, outcome])).toEqual([
      ['PutObject', Key, 200],
      ['GetObject', Key, 200],
    ])
  })

  test('a reply of its own reaches the client and not the server, as often as asked', async () => {
    await using t = await setUp()
    t.proxy.on({ operation: 'PutObject', key: /^a/ }, { kind: 'reply', status: 503 }, { times: 1 })
    const put = (Key: string) =>
      t.client.send(new PutObjectCommand({ Bucket: t.Bucket, Key, Body: Buffer.alloc(3_000_000) }))
    await expect(put('a')).rejects.toMatchObject({ name: 'SlowDown', $metadata: { httpStatusCode: 503 } })
    expect(t.proxy.requests[0]).toMatchObject({ serverStatus: undefined, outcome: 503 })
    await put('b')
    await put('a')
    expect(t.proxy.count({ operation: 'PutObject', key: 'a' })).toBe(2)
  })

  test('stored, and the reply lost: the client has an error, the server the object', async () => {
    await using t = await setUp()
    t.proxy.on({ operation: 'PutObject' }, { kind: 'drop-reply' })
    await expect(
      t.client.send(new PutObjectCommand({ Bucket: t.Bucket, Key: 'k', Body: 'stored' })),
    ).rejects.toThrow()
    const object = await t.server.client().send(new GetObjectCommand({ Bucket: t.Bucket, Key: 'k' }))
    expect(await object.Body?.transformToString()).toBe('stored')
    await waitUntil(() => t.proxy.requests[0]?.outcome === 'reset', { what: 'the reset' })
    expect(t.proxy.requests[0]).toMatchObject({ serverStatus: 200 })
  })

  test('a request torn in its body stores nothing', async () => {
    await using t = await setUp()
    t.proxy.on({ operation: 'PutObject' }, { kind: 'reset-request', afterBytes: 100_000 })
    const put = new PutObjectCommand({ Bucket: t.Bucket, Key: 'k', Body: Buffer.alloc(5_000_000) })
    await expect(t.client.send(put)).rejects.toThrow()
    const head = t.server.client().send(new HeadObjectCommand({ Bucket: t.Bucket, Key: 'k' }))
    await expect(head).rejects.toMatchObject({ name: 'NotFound' })
  })

  test('a reply torn or corrupted in its body is seen as such', async () => {
    await using t = await setUp()
    const Body = Buffer.alloc(300_000, 'x')
    await t.client.send(new PutObjectCommand({ Bucket: t.Bucket, Key: 'k', Body }))
    const get = async () => {
      const object = await t.client.send(new GetObjectCommand({ Bucket: t.Bucket, Key: 'k' }))
      return Buffer.from((await object.Body?.transformToByteArray()) ?? [])
    }
    const heal = t.proxy.on({ operation: 'GetObject' }, { kind: 'reset-response', afterBytes: 1_000 })
    await expect(get()).rejects.toThrow()
    heal()
    t.proxy.on({ operation: 'GetObject' }, { kind: 'corrupt-response', at: 250_000 })
    // The SDK checks the object's CRC32 itself
    await expect(get()).rejects.toThrow('Checksum mismatch')
    t.proxy.clear()
    expect(await get()).toEqual(Body)
  })

  test('CompleteMultipartUpload answers 200 with an error, undone or done all the same', async () => {
    await using t = await setUp()
    const upload = async (Key: string) => {
      const { UploadId } = await t.client.send(new CreateMultipartUploadCommand({ Bucket: t.Bucket, Key }))
      const part = { Bucket: t.Bucket, Key, UploadId, PartNumber: 1, Body: 'part' }
      const { ETag } = await t.client.send(new UploadPartCommand(part))
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] }
      return t.client.send(
        new CompleteMultipartUploadCommand({ Bucket: t.Bucket, Key, UploadId, MultipartUpload }),
      )
    }
    t.proxy.on({ operation: 'CompleteMultipartUpload', key: 'undone' }, { kind: 'error-in-200' })
    t.proxy.on(
      { query: { uploadId: true }, method: 'POST', key: 'done' },
      { kind: 'error-in-200', forward: true },
    )
    await expect(upload('undone')).rejects.toMatchObject({ name: 'InternalError' })
    await expect(upload('done')).rejects.toMatchObject({ name: 'InternalError' })
    const open = await t.server.client().send(new ListMultipartUploadsCommand({ Bucket: t.Bucket }))
    expect(open.Uploads?.map(({ Key }) => Key)).toEqual(['undone'])
    await t.server.client().send(new HeadObjectCommand({ Bucket: t.Bucket, Key: 'done' }))
  })
})
