import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  type PostgresServer,
  requireServers,
  type S3Fault,
  type S3FaultProxy,
  type S3Operation,
  type S3Server,
  startPostgres,
  startS3,
  startS3FaultProxy,
} from '../harness/index.ts'
import { makeDatabase } from './data.ts'
import { type Fleet, layFleet } from './fleet.ts'
import { judge } from './judgements.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('faults of the object store', 'postgres', 's3', 'pv', 'zstd')

describe.skipIf(servers.missing)('an object store that', () => {
  let postgres: PostgresServer
  let s3: S3Server
  let proxy: S3FaultProxy
  let fleet: Fleet

  beforeAll(async () => {
    postgres = await startPostgres()
    s3 = await startS3()
    proxy = await startS3FaultProxy(s3)
    await makeDatabase(postgres, 'orders', 20)
    fleet = await layFleet({ postgres, s3: { server: s3, endpoint: proxy.endpoint } })
    await fleet.start(['orders'])
  })
  afterEach(() => proxy?.clear())
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]()
    await proxy?.stop()
    await postgres?.stop()
  })

  const busy: S3Fault = { kind: 'reply', status: 503, retryAfter: 0 }
  const lost: S3Fault = { kind: 'drop-reply' }

  it.each<[string, S3Operation, S3Fault, number]>([
    ['stores the manifest and loses the reply', 'PutObject', lost, 1],
    ['stores the manifest and loses the reply three times', 'PutObject', lost, 3],
    ['completes an upload and loses the reply', 'CompleteMultipartUpload', lost, 1],
    ['completes an upload and loses the reply twice', 'CompleteMultipartUpload', lost, 2],
    [
      'answers a complete with 200 and an error, having done it',
      'CompleteMultipartUpload',
      { kind: 'error-in-200', forward: true },
      1,
    ],
    [
      'answers a complete with 200 and an error, not having done it',
      'CompleteMultipartUpload',
      { kind: 'error-in-200' },
      1,
    ],
    ['opens an upload and loses the reply', 'CreateMultipartUpload', lost, 1],
    ['stores a part and loses the reply', 'UploadPart', lost, 2],
    ['resets the connection within a part', 'UploadPart', { kind: 'reset-request', afterBytes: 1 << 20 }, 2],
    ['is too busy for parts', 'UploadPart', busy, 3],
    ['is too busy to complete', 'CompleteMultipartUpload', busy, 3],
    ['is too busy for the manifest', 'PutObject', busy, 3],
    ['is slow', 'UploadPart', { kind: 'delay', ms: 1_000 }, 2],
    ['loses the manifest on its way back', 'GetObject', { kind: 'reset-response', afterBytes: 100 }, 2],
    ['hands back another manifest than was stored', 'GetObject', { kind: 'corrupt-response', at: 50 }, 1],
  ])('%s: the same attempt becomes one good backup', async (_, operation, fault, times) => {
    const before = (await fleet.catalog.backups()).length
    proxy.on({ operation }, fault, { times })
    const job = await fleet.ended(await fleet.backUp('orders'))
    expect(job).toMatchObject({ state: 'succeeded', attempts: 1 })
    expect(await fleet.catalog.backups()).toHaveLength(before + 1)
    await judge(fleet)
  })
})
